import type { HostConfig } from '../config/host-config.ts';
import { OciEngine } from '../containers/oci-engine.ts';
import { findOciRuntime, openRuntimeClasses } from '../containers/oci-runtime.ts';
import { Leftovers } from '../containers/leftovers.ts';
import { Workspace } from '../containers/workspace.ts';
import { liveVersion, type FunctionRecord } from '../domain/function.ts';
import type { Logger } from '../domain/logger.ts';
import type { NodeRecord } from '../domain/node.ts';
import type { NetworkRecord } from '../domain/private-network.ts';
import type { Service } from '../domain/service.ts';
import type { VolumeRecord } from '../domain/volume.ts';
import { FactBus } from '../events/fact-bus.ts';
import { FactRelay } from '../events/fact-relay.ts';
import { PeriodicCollection } from '../images/index.ts';
import { ServiceGroup } from '../lib/lifecycle.ts';
import { CgroupTree, hideUnifiedHierarchy, readCgroupLayout } from '../linux/index.ts';
import { DataSchema } from '../orchestration/data-schema.ts';
import { networkDirectory } from '../orchestration/private-networks.ts';
import { deployedRepositories } from '../orchestration/deployed-repositories.ts';
import { NodeAnnouncement } from '../orchestration/node-announcement.ts';
import { NodeAnswers } from '../orchestration/node-answers.ts';
import type { PreparationQuestion } from '../orchestration/node-versions.ts';
import type { CollectionQuestion } from '../orchestration/nodes-garbage.ts';
import type { SandboxQuestion } from '../orchestration/sandbox-directory.ts';
import { HeldFunctions } from '../orchestration/held-functions.ts';
import { NodeAdoption } from '../orchestration/node-adoption.ts';
import { RedisNodeDirectory } from '../orchestration/node-directory.ts';
import { NodeMembership } from '../orchestration/node-membership.ts';
import { RedisRecordStore } from '../orchestration/redis-record-store.ts';
import { isBlocked } from '../network/blocked-ranges.ts';
import { createEventQueueWorker } from '../queue/index.ts';
import { QueueSender } from '../queue/queue-sender.ts';
import { QueueTriggers } from '../queue/queue-triggers.ts';
import { BullLaneConsumer } from '../queue/lane-consumer.ts';
import { ReplyClient } from '../replies/reply-client.ts';
import { ensureClusterKey, readClusterKey } from '../security/cluster-key.ts';
import { readyCount } from '../schedules/provisioned-windows.ts';
import { IdRanges } from '../security/id-ranges.ts';
import { signWebhook } from '../security/webhook-signature.ts';
import { strictProfile } from '../security/strict-profile.ts';
import { FileLogStore } from '../telemetry/log-store.ts';
import { logFacts } from '../telemetry/log-facts.ts';
import { ResourceMeter } from '../telemetry/usage/resource-meter.ts';
import { UsageMeter } from '../telemetry/usage/usage-meter.ts';
import { createNodeVolumes } from '../volumes/index.ts';
import { AddressedAttempts } from '../worker/addressed-attempts.ts';
import { Attempts } from '../worker/attempts.ts';
import { Standby } from '../worker/standby.ts';
import { DeployedVersions } from '../worker/deployed-versions.ts';
import { Dispatcher } from '../worker/dispatcher.ts';
import { InvocationRunner } from '../worker/invocation-runner.ts';
import { collectedGarbage } from '../worker/collected-garbage.ts';
import { VersionCache } from '../worker/version-cache.ts';
import { WebhookSender } from '../worker/webhook-sender.ts';
import { dataPaths } from './data-paths.ts';
import { imageFolders, imagesOf } from './images.ts';
import { workerNetwork } from './network.ts';
import { nodeInfo } from './node-info.ts';
import { redisOf } from './redis.ts';
import { runtimeCore } from './runtime-core.ts';
import { workerSecurity } from './security.ts';
import { workerPlacement } from './worker-placement.ts';
import { tracesOf } from './traces.ts';

/** Where a worker mounts its own file system in memory; the host sees an empty folder. */
const workspaceDir = '/run/hearth';

/**
 * A worker node. The process must be in a mount namespace of its own: what it mounts is gone when
 * it ends, however it ends.
 */
export async function createWorkerHost(config: HostConfig, logger: Logger): Promise<Service> {
  const paths = dataPaths(config.dataDir);
  const classes = await openRuntimeClasses(config.runtimeClasses);
  // With a gateway that has just begun to listen for other machines, it is made by whoever is first.
  const ownKey = config.clusterListen === undefined ? readClusterKey : ensureClusterKey;
  const clusterKey = await ownKey(paths.clusterKey);
  const node = await nodeInfo(config, classes, clusterKey);
  const facts = new FactBus();
  facts.subscribe(logFacts(logger));
  const { tracing, recorder } = tracesOf('hearth-worker', config, facts, logger);
  const { durable, fast, queues } = redisOf(config, logger);
  const layout = readCgroupLayout();
  hideUnifiedHierarchy(layout);
  const cgroupsPath = `/hearth/${node.id}`;
  const cgroups = new CgroupTree(layout, cgroupsPath);
  const workspace = new Workspace(workspaceDir);
  const functions = new RedisRecordStore<FunctionRecord>({ ...durable, kind: 'functions' });
  const networkRecords = new RedisRecordStore<NetworkRecord>({ ...durable, kind: 'networks' });
  const resources = new ResourceMeter(facts);
  const network = workerNetwork({
    nodeId: node.id,
    settings: config.network,
    workspace,
    gatewayPath: paths.functionCalls,
    directory: networkDirectory(networkRecords, functions),
    facts,
    usage: resources,
    logger,
  });
  const logs = new FileLogStore({ dir: paths.logs });
  const security = await workerSecurity(paths, durable, logs);
  const images = imagesOf(config, () => deployedRepositories(functions.list()), facts);
  const profile = strictProfile(process.arch);
  const idRanges = new IdRanges();
  const volumeRecords = new RedisRecordStore<VolumeRecord>({ ...durable, kind: 'volumes' });
  const volumes = createNodeVolumes({
    ...durable,
    node: node.id,
    records: volumeRecords,
    idRanges,
    dir: paths.volumes,
    operatorsDir: config.volumeDir,
    scratchDir: paths.scratch,
    mountsDir: workspace.volumesDir,
    socketPath: paths.volumeSocket,
    uid: profile.uid,
  });
  const engine = new OciEngine({
    runtime: await findOciRuntime(config.ociRuntime),
    classes,
    cgroups,
    cgroupsPath,
    bundlesDir: workspace.bundlesDir,
  });
  const { maker, stems, compiledCode, freezer, pool } = runtimeCore({
    engine,
    workspace,
    profile,
    idRanges,
    volumes,
    network,
    security,
    images: images.node,
    memoryBytes: node.memoryBytes,
    cpu: config.cpu,
    stems: config.stems,
    usage: resources,
    facts,
    logger,
  });
  const replies = new ReplyClient({ node: node.id, clusterKey, logger });
  const versions = new VersionCache(images.node);
  const runner = new InvocationRunner({
    node: node.id,
    versions,
    pool,
    logs: security.logs,
    facts,
    logger,
  });
  const dispatcher = new Dispatcher({ runner, replies });
  const nodes = new RedisNodeDirectory({ ...fast, facts });
  const nodeRecords = new RedisRecordStore<NodeRecord>({ ...durable, kind: 'nodes' });
  const placement = workerPlacement({ node, nodes, nodeRecords, volumeRecords });
  const { isFirst: isOurs, mayRun } = placement;
  const standby = new Standby({ functions, versions, stems, pool, isOurs, readyCount, logger });
  const attempts = new AddressedAttempts({
    functions: new Attempts({ functions, runner, mayRun }),
    webhooks: new WebhookSender({
      secrets: security.forSandboxes.secrets,
      sign: signWebhook,
      isBlocked: (address) => isBlocked(address, config.network),
    }),
    queues: new QueueSender({ redis: durable.redis, connections: queues }),
  });
  const eventQueues = createEventQueueWorker({
    ...durable,
    node: node.id,
    tracing,
    runner: attempts,
    functions,
    journalPath: paths.resultJournal,
  });
  const queueTriggers = new QueueTriggers({
    ...durable,
    functions: { list: () => functions.list().filter((one) => mayRun(liveVersion(one).spec)) },
    tracing,
    runner: attempts,
    connections: queues,
  });
  const consumer = new BullLaneConsumer({ ...fast, node: node.id, handler: dispatcher.dispatch });
  const held = new HeldFunctions();
  facts.subscribe(held.listen);
  const announcement = new NodeAnnouncement({
    ...fast,
    node,
    load: () => ({ invocations: runner.running, functions: held.list() }),
  });
  const adoption = new NodeAdoption({
    self: node.id,
    nodes,
    records: nodeRecords,
    adopt: eventQueues.adopt,
    logger,
  });
  const garbage = collectedGarbage(images.node.garbage, versions);
  const answers = new NodeAnswers({
    ...fast,
    node: node.id,
    answerers: {
      sandboxes: ({ idPrefix }: SandboxQuestion) => ({ sandboxes: maker.list(idPrefix) }),
      preparation: async ({ digest }: PreparationQuestion) => {
        compiledCode.want(await versions.prepare(digest));
        return {};
      },
      collection: (question: CollectionQuestion) => garbage.collect(question),
    },
  });
  const deployedVersions = new DeployedVersions({
    functions,
    mayRun: placement.fits,
    images: images.node,
    versions,
    logger,
  });
  const relay = new FactRelay({ ...fast, bus: facts, source: `worker/${node.id}` });
  const usage = new UsageMeter({
    ...durable,
    memoryOf: (version) => versions.peek(version)?.spec.memoryBytes,
  });
  facts.subscribe(usage.listen);
  return new ServiceGroup('worker', [
    ...recorder,
    new DataSchema(durable),
    relay,
    usage,
    resources,
    imageFolders(images, { isGateways: false }),
    new Leftovers(engine, cgroups, facts),
    workspace,
    volumeRecords,
    networkRecords,
    volumes.service,
    ...network.services,
    logs,
    ...security.services,
    stems,
    compiledCode,
    freezer,
    pool,
    replies,
    dispatcher,
    consumer,
    functions,
    answers,
    nodes,
    nodeRecords,
    standby,
    deployedVersions,
    new PeriodicCollection(garbage, logger),
    eventQueues.service,
    queueTriggers,
    adoption,
    new NodeMembership({ node, records: nodeRecords, facts }),
    announcement,
  ]);
}
