// Times the runtime core as a worker has it, without HTTP and queues, beside Node with less around
// it. Arguments: folder, path of the cgroups, samples of each. Prints JSON.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ociSpec } from '../../../src/containers/oci-spec.ts';
import type { StartKind } from '../../../src/domain/invocation.ts';
import type { PreparedVersion } from '../../../src/domain/version.ts';
import { IdRanges } from '../../../src/security/id-ranges.ts';
import { strictProfile } from '../../../src/security/strict-profile.ts';
import { openFunctionCore } from '../function-core.ts';

export interface MeasuredRow {
  readonly name: string;
  readonly timesMs: readonly number[];
  /** Of all of them together, with what lay between. */
  readonly tookMs: number;
}

export interface MeasuredReport {
  readonly rows: readonly MeasuredRow[];
  /** Of one idle stem: what its cgroup holds, and what the machine has less to give. */
  readonly stemBytes: { readonly cgroup: number; readonly available: number };
  readonly stems: number;
}

const never = new AbortController().signal;
const program = ['-e', 'console.log("hello")'];
const handler = 'export default { fetch: () => new Response("hello") };';
const measuredStems = 40;
const atOnce = 4;

/** Longer than it takes to make a stem and to let it warm up. */
const stemPauseMs = 200;
/** Longer than a sandbox is idle before it is frozen. */
const freezePauseMs = 100;

const [dir = '', cgroupsPath = '', samplesText] = process.argv.slice(2);
const samples = Number(samplesText);
const core = await openFunctionCore(dir, cgroupsPath);
const rows: MeasuredRow[] = [];

/** `task` gives its time, or nothing where it turned out to be something else. */
async function measure(
  name: string,
  task: () => Promise<number | undefined>,
  callers = 1,
): Promise<void> {
  const timesMs: number[] = [];
  const started = performance.now();
  let triesLeft = 3 * samples;
  const caller = async () => {
    for (; triesLeft > 0 && timesMs.length < samples; triesLeft--) {
      const timeMs = await task();
      if (timeMs !== undefined) timesMs.push(timeMs);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  rows.push({ name, timesMs, tookMs: performance.now() - started });
}

async function untilFirstOutput(command: string, args: readonly string[]): Promise<number> {
  const started = performance.now();
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], env: {} });
  await once(child.stdout, 'data');
  const timeMs = performance.now() - started;
  await once(child, 'exit');
  return timeMs;
}

/** As one would run it by hand: the runtime makes cgroup and namespaces by itself. */
async function crunRun(): Promise<number> {
  const { base, stemOrder } = core;
  const id = randomUUID();
  const bundleDir = join(dir, id);
  await mkdir(bundleDir, { mode: 0o711 });
  using root = core.roots.lease(base);
  using ids = new IdRanges().lease();
  const spec = ociSpec({
    rootDir: root.path,
    args: ['/usr/bin/node', ...program],
    env: base.env,
    workingDir: '/',
    mounts: stemOrder.mounts,
    profile: strictProfile(process.arch),
    ids,
    networkNamespacePath: '',
    cgroupsPath: `${cgroupsPath}/${id}`,
  });
  const namespaces = spec.linux.namespaces.map(({ type }) => ({ type }));
  const own = { ...spec, linux: { ...spec.linux, namespaces } };
  await writeFile(join(bundleDir, 'config.json'), JSON.stringify(own));
  const args = ['--root', join(dir, 'crun'), 'run', '--bundle', bundleDir, id];
  const timeMs = await untilFirstOutput('crun', args);
  await rm(bundleDir, { recursive: true });
  return timeMs;
}

/** Until the sandbox is lent, and until the first answer. */
async function invoke(version: PreparedVersion) {
  const started = performance.now();
  const leased = await core.pool.lease(version, undefined, never);
  if (!leased.lease) throw new Error(JSON.stringify(leased.failure));
  using lease = leased.lease;
  const leaseMs = performance.now() - started;
  const head = { trigger: 'http', method: 'GET', url: '/', headers: [], sourceIp: '' } as const;
  const { digest, spec } = version;
  const ids = { id: randomUUID(), functionName: spec.name, version: digest };
  const { outcome } = lease.sandbox.invoke(
    {
      ...ids,
      head,
      body: new Uint8Array(),
      deadlineMs: Date.now() + 30_000,
      idleTimeoutMs: 300_000,
    },
    { onHead: () => {}, onChunk: () => {}, onLog: () => {} },
  );
  const { kind: ended } = await outcome;
  if (ended !== 'ok') throw new Error(`an invocation ended with ${ended}`);
  return { start: lease.start, leaseMs, answerMs: performance.now() - started };
}

async function measureStarts(kind: StartKind, version: PreparedVersion, pauseMs: number) {
  const leases: number[] = [];
  await invoke(version);
  await measure(`${kind}, to its answer`, async () => {
    await delay(pauseMs);
    const { start, leaseMs, answerMs } = await invoke(version);
    if (start !== kind) return undefined;
    leases.push(leaseMs);
    return answerMs;
  });
  rows.push({ name: `${kind}, until it is lent`, timesMs: leases, tookMs: rows.at(-1)!.tookMs });
}

async function createAndDestroy(order = core.stemOrder): Promise<number> {
  const started = performance.now();
  const sandbox = await core.maker.make(order, never);
  if (order === core.stemOrder) await sandbox.boot(never);
  await sandbox.destroy('shutdown');
  return performance.now() - started;
}

function availableBytes(): number {
  const [, kib] = /^MemAvailable:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8')) ?? [];
  return Number(kib) * 1024;
}

async function measureStemBytes(): Promise<MeasuredReport['stemBytes']> {
  const before = availableBytes();
  const stems = [];
  for (let i = 0; i < measuredStems; i++) {
    const stem = await core.maker.make(core.stemOrder, never);
    await stem.boot(never);
    stems.push(stem);
  }
  await delay(10 * stemPauseMs);
  const available = (before - availableBytes()) / measuredStems;
  const held = stems.map((stem) => stem.usage().memoryBytes);
  await Promise.all(stems.map((stem) => stem.destroy('shutdown')));
  return { available, cgroup: held.reduce((sum, bytes) => sum + bytes, 0) / measuredStems };
}

await measure('bare node, to its first output', () => untilFirstOutput(process.execPath, program));
await measure('crun run of node, to its first output', crunRun);
const fresh = { isolation: 'invocation' } as const;
const otherScratch = { ...fresh, scratchBytes: 32 * 1024 ** 2 }; // stems have another size
await measureStarts('cold', await core.prepare(handler, otherScratch), 0);
await measureStarts('stem', await core.prepare(handler, fresh), stemPauseMs);
const kept = await core.prepare(handler, {});
await measureStarts('thawed', kept, freezePauseMs);
await measureStarts('warm', kept, 0);
await measure(
  `create, destroy a shell, ${atOnce} at once`,
  () => createAndDestroy(core.order),
  atOnce,
);
await measure(`create, boot, destroy node, ${atOnce} at once`, () => createAndDestroy(), atOnce);
const stemBytes = await measureStemBytes();
await core.stop();
await core.cgroups.remove();
const report: MeasuredReport = { rows, stemBytes, stems: measuredStems };
process.stdout.write(`${JSON.stringify(report)}\n`);
