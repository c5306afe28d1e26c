import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { formatBytes } from '../../src/lib/units.ts';
import { startInOwnMounts } from '../support/own-mounts.ts';
import type { CyclesReport } from '../support/programs/cycling-worker.ts';
import { summary, type Samples } from './samples.ts';

const defaultCycles = 10_000;
const atOnce = 4;

/** Sandboxes made and destroyed at once: how fast, and what is left of them in the worker. */
export async function run(): Promise<readonly (readonly [name: string, samples: Samples])[]> {
  const cycles = process.argv[3] ?? String(defaultCycles);
  const dir = await mkdtemp(join(tmpdir(), 'hearth-cycles-'));
  try {
    const cgroupsPath = `/hearth-test/${randomUUID()}`;
    const started = performance.now();
    const worker = startInOwnMounts('cycling-worker', dir, cgroupsPath, cycles, String(atOnce));
    const output = await text(worker.stdout!);
    const tookMs = performance.now() - started;
    const { before, after, timesMs } = JSON.parse(
      output.slice(output.indexOf('{')),
    ) as CyclesReport;
    for (const key of ['descriptors', 'mounts', 'cgroups', 'children'] as const) {
      console.log(`${key}: ${before[key]} before, ${after[key]} after`);
    }
    const [heapBefore, heapAfter] = [before, after].map(({ heapBytes }) => formatBytes(heapBytes));
    console.log(`heap: ${heapBefore} before, ${heapAfter} after`);
    return [[`create and destroy, ${atOnce} at once`, summary(timesMs, tookMs)]];
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
