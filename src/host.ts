import { mkdir } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defaultScratchBytes } from './config/function/resources.ts';
import type { HostConfig } from './config/host-config.ts';
import { OciEngine } from './containers/oci-engine.ts';
import { findOciRuntime } from './containers/oci-runtime.ts';
import { IdleFreezer } from './containers/idle-freezer.ts';
import { Leftovers } from './containers/leftovers.ts';
import { SandboxPool } from './containers/pool.ts';
import { RootMounts } from './containers/root-mounts.ts';
import { ContainerMaker } from './containers/container-maker.ts';
import { ContainerSandboxFactory } from './containers/sandbox-factory.ts';
import { StemPool } from './containers/stem-pool.ts';
import { Workspace } from './containers/workspace.ts';
import { dataPaths } from './data-paths.ts';
import type { FunctionRecord } from './domain/function.ts';
import type { KeyRecord } from './domain/key.ts';
import type { Logger } from './domain/logger.ts';
import type { NodeInfo } from './domain/node.ts';
import type { Service } from './domain/service.ts';
import { FactBus } from './events/fact-bus.ts';
import { FactRelay } from './events/fact-relay.ts';
import { FactStream } from './events/fact-stream.ts';
import { createGateway } from './gateway/gateway.ts';
import { createImages, machinePrograms, type Images } from './images/index.ts';
import { minimalEnv } from './lib/exec.ts';
import { ServiceGroup } from './lib/lifecycle.ts';
import {
  CgroupTree,
  hideUnifiedHierarchy,
  NetworkNamespaces,
  readCgroupLayout,
} from './linux/index.ts';
import { NamespacePool } from './network/namespace-pool.ts';
import { createFunctionDeployer } from './orchestration/function-deployer.ts';
import { NodeAnnouncement } from './orchestration/node-announcement.ts';
import { RedisNodeDirectory } from './orchestration/node-directory.ts';
import { ensureNodeId } from './orchestration/node-id.ts';
import { placeFunction } from './orchestration/placement-policy.ts';
import { RedisRecordStore } from './orchestration/redis-record-store.ts';
import { BullLaneConsumer } from './queue/lane-consumer.ts';
import { BullLaneProducer } from './queue/lane-producer.ts';
import { ReplyClient } from './replies/reply-client.ts';
import { ReplyServer } from './replies/reply-server.ts';
import { IdRanges } from './security/id-ranges.ts';
import { KeyAuthorizer } from './security/key-authorizer.ts';
import { MasterKeys } from './security/master-key.ts';
import { ensureRootSecret } from './security/root-key.ts';
import { Sealer } from './security/sealer.ts';
import { StoredKeys } from './security/stored-keys.ts';
import { strictProfile } from './security/strict-profile.ts';
import { EmbeddedRedis } from './supervisor/embedded-redis.ts';
import { HostProcess } from './supervisor/host-process.ts';
import { FactMetrics } from './telemetry/fact-metrics.ts';
import { AuditLog } from './telemetry/audit-log.ts';
import { FileLogStore } from './telemetry/log-store.ts';
import { logFacts } from './telemetry/log-facts.ts';
import { mountPlan } from './volumes/mount-plan.ts';
import { Dispatcher } from './worker/dispatcher.ts';
import { VersionCache } from './worker/version-cache.ts';

/** Before every key in Redis, so that Hearth can share one. */
const keyPrefix = 'hearth';

/** Where a worker mounts its own file system in memory; the host sees an empty folder. */
const workspaceDir = '/run/hearth';

/** Namespaces made ahead: a burst of so many cold starts does not wait for the kernel. */
const readyNamespaces = 8;

/** What a stem may have before it has a function; it needs a fraction of it. */
const stemMemoryBytes = 128 * 1024 * 1024;

/** Sandboxes may have this much of the machine's memory unless the configuration says otherwise. */
const sandboxMemoryShare = 0.75;

/** A gateway: the HTTP face. `address` is known once it has started. */
export async function createGatewayHost(
  config: HostConfig,
  logger: Logger,
): Promise<Service & { readonly address: string }> {
  const paths = dataPaths(config.dataDir);
  const rootSecret = await ensureRootSecret(paths.rootKey);
  const sealer = new Sealer(await MasterKeys.open(paths.masterKey));
  const facts = new FactBus();
  const durable = { redis: { path: paths.durableRedis }, keyPrefix, logger };
  const fast = { redis: { path: paths.fastRedis }, keyPrefix, logger };
  const functions = new RedisRecordStore<FunctionRecord>({ ...durable, kind: 'functions' });
  const keyRecords = new RedisRecordStore<KeyRecord>({ ...durable, kind: 'keys' });
  const audit = new AuditLog({ dir: paths.audit, logger });
  const nodes = new RedisNodeDirectory(fast);
  const replies = new ReplyServer({ listen: `unix:${paths.replies}`, logger });
  const lane = new BullLaneProducer(fast);
  const logs = new FileLogStore({ dir: paths.logs });
  const { packages, provider } = imagesOf(config);
  const relay = new FactRelay({ ...fast, bus: facts, source: `gateway/${config.hostname}` });
  const feed = new FactStream(fast);
  const metrics = new FactMetrics();
  feed.subscribe(metrics.count);
  const gateway = createGateway({
    listen: config.listen,
    functions,
    deployer: createFunctionDeployer({ functions, packages, images: provider, facts }),
    lane,
    replies,
    nodes,
    place: placeFunction,
    logs,
    feed,
    metrics,
    keys: new StoredKeys({ records: keyRecords, sealer }),
    authorizer: new KeyAuthorizer({ rootSecret, records: keyRecords, sealer, logger }),
    facts,
    logger,
  });
  facts.subscribe(logFacts(logger));
  facts.subscribe(audit.listen);
  facts.subscribe(({ type, data }) => {
    if (type === 'function.removed') void logs.remove(data.functionName);
  });
  const services = new ServiceGroup('gateway', [
    feed,
    relay,
    functions,
    keyRecords,
    audit,
    nodes,
    replies,
    lane,
    logs,
    gateway,
  ]);
  return Object.defineProperty(services, 'address', {
    get: () => gateway.address,
  }) as ServiceGroup & { readonly address: string };
}

/**
 * A worker node. The process must be in a mount namespace of its own: what it mounts is gone when
 * it ends, however it ends.
 */
export async function createWorkerHost(config: HostConfig, logger: Logger): Promise<Service> {
  const paths = dataPaths(config.dataDir);
  const node = await nodeInfo(config);
  const facts = new FactBus();
  facts.subscribe(logFacts(logger));
  const fast = { redis: { path: paths.fastRedis }, keyPrefix, logger };
  const layout = readCgroupLayout();
  hideUnifiedHierarchy(layout);
  const cgroupsPath = `/hearth/${node.id}`;
  const cgroups = new CgroupTree(layout, cgroupsPath);
  const workspace = new Workspace(workspaceDir);
  const namespaces = new NetworkNamespaces();
  const network = new NamespacePool({
    maker: namespaces,
    dir: workspace.namespacesDir,
    size: readyNamespaces,
    logger,
  });
  const logs = new FileLogStore({ dir: paths.logs });
  const images = imagesOf(config);
  const roots = new RootMounts(workspace.rootsDir);
  const engine = new OciEngine({
    runtime: await findOciRuntime(config.ociRuntime),
    cgroups,
    cgroupsPath,
    bundlesDir: workspace.bundlesDir,
  });
  const maker = new ContainerMaker({
    engine,
    profile: strictProfile(process.arch),
    idRanges: new IdRanges(),
    network,
    roots,
    tasksDir: workspace.tasksDir,
    logs,
    logger,
  });
  const stems = new StemPool({
    maker,
    loadImage: async (signal) =>
      images.provider.prepare(await images.baseImages.find('node24'), signal),
    mounts: mountPlan(defaultScratchBytes),
    memoryBytes: stemMemoryBytes,
    size: config.stems,
    logger,
  });
  const factory = new ContainerSandboxFactory({
    maker,
    stems,
    roots,
    planMounts: mountPlan,
    stemScratchBytes: defaultScratchBytes,
    facts,
  });
  const freezer = new IdleFreezer();
  const pool = new SandboxPool({
    factory,
    freezer,
    memoryBytes: node.memoryBytes - config.stems * stemMemoryBytes,
    facts,
  });
  const replies = new ReplyClient({ node: node.id, logger });
  const dispatcher = new Dispatcher({
    node: node.id,
    versions: new VersionCache(images.provider),
    pool,
    replies,
    logs,
    facts,
    logger,
  });
  const consumer = new BullLaneConsumer({ ...fast, node: node.id, handler: dispatcher.dispatch });
  const announcement = new NodeAnnouncement({ ...fast, node });
  const relay = new FactRelay({ ...fast, bus: facts, source: `worker/${node.id}` });
  return new ServiceGroup('worker', [
    relay,
    new Leftovers(engine, cgroups, facts),
    workspace,
    namespaces,
    network,
    logs,
    stems,
    freezer,
    pool,
    replies,
    dispatcher,
    consumer,
    announcement,
  ]);
}

export interface StartStep {
  readonly name: string;
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/** Everything on one machine, as processes that are watched. */
export interface WholeHost {
  /** In the order of starting; what has no place in a process of its own comes first. */
  readonly steps: readonly StartStep[];
  stop(grace: AbortSignal): Promise<void>;
  /** The gateway's, once all steps have run. */
  readonly url: string;
}

export function createWholeHost(config: HostConfig, logger: Logger): WholeHost {
  const paths = dataPaths(config.dataDir);
  const images = imagesOf(config);
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  const env = (listen: string) => childEnvironment(config, listen);
  const worker = new HostProcess({
    role: 'worker',
    main,
    env: () => env(listenOf(config)),
    logger,
  });
  const gateway = new HostProcess({
    role: 'gateway',
    main,
    // Once it has answered on a free port, callers know that port: a restart takes it again.
    env: (url) => env(url === '' ? listenOf(config) : new URL(url).host),
    logger,
  });
  const processes = [
    new EmbeddedRedis('durable', paths.durableRedis, logger),
    new EmbeddedRedis('fast', paths.fastRedis, logger),
    worker,
    gateway,
  ];
  const started: Service[] = [];
  return {
    steps: [
      {
        name: 'base image node24',
        run: async (signal) => {
          await mkdir(config.dataDir, { recursive: true });
          await images.open({ exclusive: true });
          const { digest } = await images.baseImages.ensure('node24');
          await images.provider.prepare(digest, signal); // so that no call has to unpack it
        },
      },
      ...processes.map((service) => ({
        name: service.name,
        run: async (signal: AbortSignal) => {
          started.push(service);
          await service.start(signal);
        },
      })),
    ],
    stop: (grace) => stopAll(started, grace),
    get url() {
      return gateway.announcement;
    },
  };
}

async function stopAll(services: readonly Service[], grace: AbortSignal): Promise<void> {
  for (const service of services.toReversed()) await service.stop(grace);
}

/** What a gateway or a worker of this host has to know; nothing else of our environment. */
function childEnvironment(config: HostConfig, listen: string): Record<string, string> {
  return {
    ...minimalEnv,
    HEARTH_DATA: config.dataDir,
    HEARTH_LISTEN: listen,
    HEARTH_RUNTIME: config.ociRuntime,
    HEARTH_STEMS: String(config.stems),
    HEARTH_LOG_LEVEL: config.logLevel,
    ...(config.memoryBytes === undefined ? {} : { HEARTH_MEMORY: String(config.memoryBytes) }),
  };
}

function listenOf({ listen: { host, port } }: HostConfig): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

async function nodeInfo(config: HostConfig): Promise<NodeInfo> {
  return {
    id: await ensureNodeId(dataPaths(config.dataDir).nodeId),
    hostname: config.hostname,
    memoryBytes: config.memoryBytes ?? Math.floor(totalmem() * sandboxMemoryShare),
    startedAt: new Date().toISOString(),
  };
}

function imagesOf(config: HostConfig): Images {
  return createImages({
    dir: dataPaths(config.dataDir).images,
    runtimeDir: fileURLToPath(new URL('../runtime', import.meta.url)),
    programs: machinePrograms(process.arch),
  });
}
