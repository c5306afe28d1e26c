import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parseImageReference } from '../../src/domain/image-reference.ts';
import { createImages, machinePrograms } from '../../src/images/index.ts';
import { startDebianRegistry } from '../support/debian-registry.ts';
import { summary, type Samples } from './samples.ts';

const exec = promisify(execFile);
const rounds = 5;
const never = new AbortController().signal;

/** Times a task so many times; what it needs is made, and what it made removed, outside of the time. */
async function timed(dir: string, task: (dir: string) => Promise<unknown>): Promise<Samples> {
  const times: number[] = [];
  const started = performance.now();
  for (let round = 0; round < rounds; round++) {
    const own = join(dir, 'round');
    await mkdir(own);
    const from = performance.now();
    await task(own);
    times.push(performance.now() - from);
    await rm(own, { recursive: true });
  }
  return summary(times, performance.now() - started);
}

function imagesIn(dir: string) {
  return createImages({
    dir,
    runtimeDir: fileURLToPath(new URL('../../runtime', import.meta.url)),
    programs: machinePrograms(process.arch),
    registries: { credentialsFile: '/nonexistent', plainHosts: [] },
  });
}

/** The Node base image, gzipped as registries have it: unpacked and pulled, beside umoci and skopeo. */
export async function run(): Promise<readonly (readonly [string, Samples])[]> {
  const dir = await mkdtemp(join(tmpdir(), 'hearth-bench-'));
  await using registry = await startDebianRegistry(dir);
  try {
    const images = imagesIn(join(dir, 'images'));
    await images.open({ exclusive: true });
    await images.baseImages.ensure('node24');
    const name = `${registry.host}/node:24`;
    const layout = `oci:${join(dir, 'images')}:hearth/node24`;
    const insecure = ['--insecure-policy', 'copy'];
    await exec('skopeo', [...insecure, '--dest-tls-verify=false', layout, `docker://${name}`]);

    const { catalog } = images.registry;
    const digest = await catalog.pull(parseImageReference(name), { signal: never });
    const unpack = await timed(dir, async () => {
      await images.provider.prepare(digest, never);
      await rm(join(dir, 'images', 'layers'), { recursive: true });
      await images.open({ exclusive: false });
    });
    const umoci = await timed(dir, (own) =>
      exec('umoci', ['unpack', '--image', `${join(dir, 'images')}:${name}`, join(own, 'bundle')]),
    );
    const pull = await timed(dir, async (own) => {
      const others = imagesIn(own);
      await others.open({ exclusive: true });
      await others.registry.catalog.pull(parseImageReference(name), { signal: never });
    });
    const skopeo = await timed(dir, (own) =>
      exec('skopeo', [...insecure, '--src-tls-verify=false', `docker://${name}`, `oci:${own}/l:i`]),
    );
    return [
      ['unpack, in the jail', unpack],
      ['unpack, umoci', umoci],
      ['pull, synced to the disk', pull],
      ['pull, skopeo', skopeo],
    ];
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
