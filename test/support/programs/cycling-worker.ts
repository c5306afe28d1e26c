// Makes and destroys sandboxes, and tells what that left. Arguments: folder, path of the cgroups,
// cycles, how many at a time. Prints JSON; with 0 cycles it goes on until it is killed.
import { readdirSync, readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openRuntimeCore, type RuntimeCore } from '../runtime-core.ts';

/** What a process holds on to. */
export interface Holdings {
  readonly descriptors: number;
  readonly mounts: number;
  readonly cgroups: number;
  readonly children: number;
  readonly heapBytes: number;
}

export interface CyclesReport {
  readonly before: Holdings;
  readonly after: Holdings;
  readonly timesMs: readonly number[];
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function holdings({ cgroups }: RuntimeCore): Holdings {
  collectGarbage();
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    mounts: readFileSync('/proc/self/mountinfo', 'utf8').split('\n').length,
    cgroups: cgroups.list().length,
    children: readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').split(' ').length,
    heapBytes: process.memoryUsage().heapUsed,
  };
}

const [dir = '', cgroupsPath = '', cycles, atOnce] = process.argv.slice(2);
const core = await openRuntimeCore(dir, cgroupsPath);
const timesMs: number[] = [];
const never = new AbortController().signal;

async function cycle(): Promise<void> {
  const started = performance.now();
  const sandbox = await core.maker.make(core.order, never);
  await sandbox.destroy('shutdown');
  timesMs.push(performance.now() - started);
}

let left = Number(cycles) || Number.POSITIVE_INFINITY;
async function worker(): Promise<void> {
  while (left > 0) {
    left -= 1;
    await cycle();
  }
}

/** What is made once and kept: compiled code, threads. */
for (let i = 0; i < 10; i++) await cycle();
timesMs.length = 0;
const before = holdings(core);
process.stdout.write('cycling\n');
await Promise.all(Array.from({ length: Number(atOnce) }, worker));
const after = holdings(core);
await core.stop();
await core.cgroups.remove();
const report: CyclesReport = { before, after, timesMs };
process.stdout.write(`${JSON.stringify(report)}\n`);
