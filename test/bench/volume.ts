import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalDriver } from '../../src/volumes/local-driver.ts';
import { summary, type Samples } from './samples.ts';

const MiB = 1024 ** 2;
const fileMiB = 128;
const rounds = 12;
const ownMounts = '--own-mounts';

/**
 * Writing a file and having it safe on the disk, in a local volume and in the file system that its
 * image lies in, in turn. A call is one file of 128 MiB, in pieces of 1 MiB.
 */
export async function run(): Promise<readonly (readonly [string, Samples])[]> {
  if (!process.argv.includes(ownMounts)) enterOwnMountNamespace();
  const dir = await mkdtemp(join(tmpdir(), 'hearth-bench-'));
  try {
    const places = { dir: join(dir, 'volumes'), mountsDir: join(dir, 'mounts') };
    const driver = new LocalDriver({ ...places, uid: 1000 });
    await driver.removeLeftovers();
    const volume = {
      name: 'bench',
      revision: 1,
      driver: 'local',
      sizeBytes: 1024 * MiB,
      noexec: false,
      node: undefined,
      createdAt: '',
    } as const;
    await driver.create(volume);
    await using mounted = await driver.mount(volume);
    const times = { bare: [] as number[], volume: [] as number[] };
    for (let round = 0; round < rounds; round += 1) {
      times.bare.push(await writeFile(join(dir, `file-${round % 2}`)));
      times.volume.push(await writeFile(join(mounted.root, `file-${round % 2}`)));
    }
    // The first rounds allocate what later ones only write over, in both.
    const [bare, inVolume] = [samples(times.bare), samples(times.volume)];
    console.log(
      `bare ${throughput(bare)} MiB/s, volume ${throughput(inVolume)} MiB/s: ` +
        `${((100 * bare.p50) / inVolume.p50).toFixed(0)} % of it`,
    );
    return [
      ['bare file system', bare],
      ['volume', inVolume],
    ];
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Mounts that other processes' namespaces have copies of stay for as long as those live. */
function enterOwnMountNamespace(): void {
  const command = [process.execPath, ...process.argv.slice(1), ownMounts];
  const unshare = '/usr/bin/unshare';
  process.execve?.(unshare, [unshare, '--mount', '--propagation', 'private', '--', ...command]);
}

async function writeFile(path: string): Promise<number> {
  const piece = Buffer.alloc(MiB, 'bench');
  const started = performance.now();
  await using file = await open(path, 'w');
  for (let i = 0; i < fileMiB; i += 1) await file.write(piece);
  await file.sync();
  return performance.now() - started;
}

const throughput = ({ p50 }: Samples): string => (fileMiB / (p50 / 1000)).toFixed(0);

function samples(times: readonly number[]): Samples {
  const later = times.slice(2);
  return summary(
    later,
    later.reduce((sum, ms) => sum + ms, 0),
  );
}
