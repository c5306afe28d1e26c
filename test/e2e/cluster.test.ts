import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startCluster, type Cluster, type WorkerMember } from '../support/cluster.ts';
import { packageOf } from '../support/package-of.ts';

let cluster: Cluster | undefined;
let url: string;
let key: string;
/** Those that a test has neither killed nor stopped. */
let workers: readonly WorkerMember[];

beforeAll(async () => {
  cluster = await startCluster(4);
  ({ url, key, workers } = cluster);
  await vi.waitFor(async () => expect(await states()).toEqual(workers.map(() => 'ready')), soon);
  const config = {
    name: 'slow',
    entry: 'index.mjs',
    memory: '64Mi',
    concurrency: 4,
    timeout: '30s',
    triggers: { http: { auth: 'none' } },
  };
  const code = `const slow = () => new Promise((done) => setTimeout(done, 150));
    export default { fetch: async () => (await slow(), new Response('ok')) };`;
  const body = await packageOf({ 'hearth.json': JSON.stringify(config), 'index.mjs': code });
  const headers = { 'content-type': 'application/x-tar' };
  const deployed = await send('/v1/functions', {
    method: 'POST',
    headers,
    body: new Uint8Array(body),
  });
  expect(deployed.status).toBe(201);
}, 150_000);
afterAll(() => cluster?.[Symbol.asyncDispose]());

const soon = { timeout: 30_000, interval: 100 };

function send(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = { authorization: `Bearer ${key}`, ...(init.headers as Record<string, string>) };
  return fetch(`${url}${path}`, { ...init, headers });
}

async function nodes(): Promise<readonly { id: string; state: string }[]> {
  const { nodes: list } = (await (await send('/v1/nodes')).json()) as {
    nodes: { id: string; state: string }[];
  };
  return list;
}
const states = async () => (await nodes()).map(({ state }) => state);
const stateOf = async (id: string) => (await nodes()).find((node) => node.id === id)?.state;

/** Nodes that have a sandbox of the function. */
async function nodesWithSandboxes(): Promise<ReadonlySet<string>> {
  const { sandboxes } = (await (await send('/v1/sandboxes')).json()) as {
    sandboxes: { node: string; functionName?: string }[];
  };
  return new Set(sandboxes.filter(({ functionName }) => functionName).map(({ node }) => node));
}

/** One that works for the function. */
async function busyWorker(): Promise<WorkerMember> {
  const busy = await nodesWithSandboxes();
  const worker = workers.find(({ id }) => busy.has(id));
  if (!worker) throw new Error('no worker has a sandbox of the function');
  return worker;
}

/** Callers that call again and again until they are told to stop; gives how their calls ended. */
function callers(count: number) {
  const ends = new Map<string, number>();
  const stopping = new AbortController();
  const call = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const answer = await fetch(`${url}/fn/slow`);
      await answer.text();
      const end = answer.headers.get('x-hearth-error') ?? String(answer.status);
      ends.set(end, (ends.get(end) ?? 0) + 1);
    }
  };
  const calling = Array.from({ length: count }, call);
  const stop = async () => {
    stopping.abort();
    await Promise.all(calling);
    return ends;
  };
  return {
    ends,
    /** So many more good answers have come. */
    good: (more: number) => {
      const before = ends.get('200') ?? 0;
      return vi.waitFor(() => expect(ends.get('200') ?? 0).toBeGreaterThan(before + more), soon);
    },
    stop,
    [Symbol.asyncDispose]: async () => void (await stop()),
  };
}

async function invokeAsync(): Promise<string> {
  const accepted = await send('/v1/functions/slow/invocations', {
    method: 'POST',
    headers: { prefer: 'respond-async', 'content-type': 'application/json' },
    body: '{}',
  });
  expect(accepted.status).toBe(202);
  return accepted.headers.get('location') ?? '';
}

async function ended(location: string): Promise<string> {
  const record = (await (await send(`${location}?wait=12s`)).json()) as { state: string };
  return record.state;
}

describe('a cluster of four nodes', () => {
  test('spreads what is more than one of them should take', async () => {
    await using load = callers(32);
    await load.good(60);
    await vi.waitFor(
      async () => expect((await nodesWithSandboxes()).size).toBeGreaterThan(2),
      soon,
    );
    expect([...(await load.stop()).keys()]).toEqual(['200']);
  });

  test('loses with a node that dies no more than the calls that it was at', async () => {
    await using load = callers(16);
    await load.good(20);
    const victim = await busyWorker();
    const accepted = await Promise.all(Array.from({ length: 20 }, invokeAsync));
    await victim.kill();
    workers = workers.filter((worker) => worker !== victim);
    await load.good(40);
    const all = await Promise.all(accepted.map(ended));
    expect(all.filter((state) => state !== 'done')).toEqual([]);
    const ends = await load.stop();
    ends.delete('200');
    expect([...ends.keys()].filter((end) => end !== 'worker.lost')).toEqual([]);
    expect(ends.get('worker.lost') ?? 0).toBeLessThanOrEqual(16);
    await vi.waitFor(async () => expect(await stateOf(victim.id)).toBe('away'), soon);
  });

  test('goes on without a node that is cut off, and with it when it is back', async () => {
    await using load = callers(8);
    await load.good(10);
    const cutOff = await busyWorker();
    cutOff.plug(false);
    await vi.waitFor(async () => expect(await stateOf(cutOff.id)).toBe('away'), soon);
    await load.good(20);
    cutOff.plug(true);
    await vi.waitFor(async () => expect(await stateOf(cutOff.id)).toBe('ready'), soon);
    await load.good(20);
    const ends = await load.stop();
    ends.delete('200');
    expect([...ends.keys()].filter((end) => end !== 'worker.lost')).toEqual([]);
  });

  test('drains a node without losing a call', async () => {
    await using load = callers(16);
    await load.good(20);
    const drained = await busyWorker();
    await send(`/v1/nodes/${drained.id}/cordon`, { method: 'PUT' });
    await load.good(20);
    await drained.stop();
    workers = workers.filter((worker) => worker !== drained);
    workers = workers.filter((worker) => worker !== drained);
    await load.good(20);
    expect([...(await load.stop()).keys()]).toEqual(['200']);
  });

  test('is restarted node by node without losing a call', async () => {
    await using load = callers(8);
    await load.good(10);
    const accepted = await Promise.all(Array.from({ length: 20 }, invokeAsync));
    for (const worker of workers) {
      await worker.restart();
      await vi.waitFor(async () => expect(await stateOf(worker.id)).toBe('ready'), soon);
      await load.good(10);
    }
    expect(await Promise.all(accepted.map(ended))).toEqual(accepted.map(() => 'done'));
    expect([...(await load.stop()).keys()]).toEqual(['200']);
  });
});
