import { readdir, readFile } from 'node:fs/promises';
import { exec } from '../lib/exec.ts';

export interface LoopDevice {
  /** `/dev/loop3` */
  readonly device: string;
  readonly backingFile: string;
}

/** Those that have a file, whoever attached it. */
export async function loopDevices(): Promise<readonly LoopDevice[]> {
  const names = (await readdir('/sys/block')).filter((name) => name.startsWith('loop'));
  const files = await Promise.all(
    names.map((name) => readFile(`/sys/block/${name}/loop/backing_file`, 'utf8').catch(() => '')),
  );
  return names.flatMap((name, i) => {
    const backingFile = files[i]?.trimEnd().replace(/ \(deleted\)$/, '') ?? '';
    return backingFile === '' ? [] : [{ device: `/dev/${name}`, backingFile }];
  });
}

/**
 * Makes a file a block device. Its pages are not kept twice, in sectors of 4 KiB, where the file
 * system under it can do that: writing is then as fast as to the file system itself.
 */
export async function attachLoop(file: string): Promise<string> {
  const attach = async (...options: readonly string[]) => {
    const { stdout } = await exec('losetup', ['--find', '--show', ...options, '--', file]);
    return stdout.trim();
  };
  return await attach('--direct-io=on', '--sector-size=4096').catch(() => attach());
}

/** At once, or, while it is in use, as soon as its last user is gone, by the kernel. */
export async function detachLoop(device: string): Promise<void> {
  await exec('losetup', ['--detach', device]);
}

/** Those of files under a folder, which a process that was killed had attached. */
export async function detachLoopsUnder(dir: string): Promise<void> {
  for (const { device, backingFile } of await loopDevices()) {
    if (backingFile.startsWith(`${dir}/`)) await detachLoop(device);
  }
}
