import { chmod, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ContainerMount } from '../../src/domain/container.ts';

/** A root file system with this machine's own programs, read-only. */
export interface SmallRoot {
  readonly dir: string;
  /** What has to be mounted in it. */
  readonly mounts: readonly ContainerMount[];
  remove(): Promise<void>;
}

/** Nothing is copied, so that it is there at once. The mapped ids may pass. */
export async function makeSmallRoot(parent = tmpdir()): Promise<SmallRoot> {
  const dir = await mkdtemp(join(parent, 'hearth-root-'));
  await chmod(dir, 0o755);
  for (const name of ['usr', 'proc', 'dev', 'tmp']) await mkdir(join(dir, name));
  await chmod(join(dir, 'tmp'), 0o1777); // runc gives what is mounted there the folder's mode
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) await symlink(`usr/${name}`, join(dir, name));
  const programs = { destination: '/usr', type: 'bind', source: '/usr' };
  return {
    dir,
    mounts: [{ ...programs, options: ['rbind', 'ro', 'nosuid', 'nodev'] }],
    remove: () => rm(dir, { recursive: true }),
  };
}
