import { copyFile, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startProcess } from './host-process.ts';
import { makeLan } from './lan.ts';
import { startRedis } from './redis.ts';
import { makeDataDir } from './running-host.ts';

export interface WorkerMember {
  readonly id: string;
  /** As a power cut would end it. */
  kill(): Promise<void>;
  /** SIGTERM, and waits for the end. */
  stop(): Promise<void>;
  /** Stops it, and starts it with the same settings and data. */
  restart(): Promise<void>;
  /** Pulls its network cable out, or puts it back. */
  readonly plug: (isIn: boolean) => void;
}

/** A Redis, a gateway, and worker nodes, each with a network and a data folder of its own. */
export interface Cluster extends AsyncDisposable {
  /** Of the gateway. */
  readonly url: string;
  readonly key: string;
  readonly workers: readonly WorkerMember[];
}

const ports = { durable: 7001, fast: 7002 } as const;
const gatewayPort = 8080;
const sharedKeys = ['master.key', 'cluster.key'];

export async function startCluster(workerCount: number): Promise<Cluster> {
  await using undo = new AsyncDisposableStack();
  const lan = undo.use(await makeLan(workerCount));
  const { address, hub } = lan;
  for (const [role, port] of Object.entries(ports)) {
    const settings = ['--port', `${port}`, '--bind', address, '--protected-mode', 'no'];
    const redis = await startRedis({ durable: role === 'durable', settings, namespace: hub });
    undo.defer(() => redis.stop());
  }
  const newFolder = async (): Promise<string> => {
    const dir = await makeDataDir();
    undo.defer(() => rm(dir, { recursive: true, force: true }));
    return dir;
  };
  const common = {
    HEARTH_REDIS_DURABLE: `redis://${address}:${ports.durable}`,
    HEARTH_REDIS_FAST: `redis://${address}:${ports.fast}`,
    HEARTH_STEMS: '0', // all nodes share the processors of one machine
    HEARTH_LOG_LEVEL: 'warn',
  };
  const start = async (
    role: 'gateway' | 'worker',
    settings: Readonly<Record<string, string>>,
    namespace: string,
  ) => {
    const begin = () => startProcess(role, { ...common, ...settings }, namespace);
    let process = await begin();
    const stop = async () => process[Symbol.asyncDispose]();
    undo.defer(stop);
    return {
      kill: () => process.kill(),
      stop,
      restart: async () => {
        await stop();
        process = await begin();
      },
    };
  };
  const dir = await newFolder();
  const newMemberFolder = async (): Promise<string> => {
    const own = await newFolder();
    for (const name of sharedKeys) await copyFile(join(dir, name), join(own, name));
    return own;
  };
  const listen = {
    HEARTH_LISTEN: `0.0.0.0:${gatewayPort}`,
    HEARTH_CLUSTER_LISTEN: `${address}:8090`,
  };
  await start('gateway', { HEARTH_DATA: dir, ...listen }, hub);
  const key = (await readFile(join(dir, 'root.key'), 'utf8')).trim();
  const startWorker = async ({ namespace, plug }: (typeof lan.nodes)[number]) => {
    const own = await newMemberFolder();
    const registry = { HEARTH_URL: `http://${address}:${gatewayPort}`, HEARTH_KEY: key };
    const member = await start('worker', { HEARTH_DATA: own, ...registry }, namespace);
    const id = (await readFile(join(own, 'node-id'), 'utf8')).trim();
    return { ...member, id, plug };
  };
  const workers = await Promise.all(lan.nodes.map(startWorker));
  const url = await lan.forward(gatewayPort);
  const all = undo.move();
  return { url, key, workers, [Symbol.asyncDispose]: () => all.disposeAsync() };
}
