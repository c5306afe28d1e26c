import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { formatBytes } from '../../src/lib/units.ts';
import { startInOwnMounts } from '../support/own-mounts.ts';
import type { MeasuredReport } from '../support/programs/measured-worker.ts';
import { summary, type Samples } from './samples.ts';

const defaultSamples = 200;
const room = 4 * 1024 ** 3;

/** How fast sandboxes can serve by how they are found, beside Node with less around it. */
export async function run(): Promise<readonly (readonly [name: string, samples: Samples])[]> {
  const samples = process.argv[3] ?? String(defaultSamples);
  const dir = await mkdtemp(join(tmpdir(), 'hearth-sandbox-'));
  try {
    const cgroupsPath = `/hearth-test/${randomUUID()}`;
    const worker = startInOwnMounts('measured-worker', dir, cgroupsPath, samples);
    const { rows, stemBytes, stems } = JSON.parse(await text(worker.stdout!)) as MeasuredReport;
    tellStems(stemBytes, stems);
    return rows.map(({ name, timesMs, tookMs }) => [name, summary(timesMs, tookMs)]);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function tellStems({ cgroup, available }: MeasuredReport['stemBytes'], stems: number): void {
  const [held, taken] = [cgroup, available].map((bytes) => formatBytes(Math.round(bytes)));
  console.log(`an idle stem: ${held} in its cgroup, ${taken} less available (mean of ${stems})`);
  const fit = Math.floor(room / Math.max(cgroup, available));
  console.log(`idle stems in ${formatBytes(room)}: ${fit}`);
}
