import type { HostConfig } from '../config/host-config.ts';
import type { FunctionRecord, FunctionSpec } from '../domain/function.ts';
import { imageTransferLimitMs } from '../domain/limits.ts';
import type { NodeInfo, NodeRecord } from '../domain/node.ts';
import type { Logger } from '../domain/logger.ts';
import type { NetworkRecord } from '../domain/private-network.ts';
import type { StackRecord } from '../domain/stack.ts';
import type { Service } from '../domain/service.ts';
import type { VolumeRecord } from '../domain/volume.ts';
import type { WebhookRecord } from '../domain/webhook.ts';
import { factSchemas } from '../events/fact-schemas.ts';
import { FactBus } from '../events/fact-bus.ts';
import { EventTriggers } from '../events/event-triggers.ts';
import { FactRelay } from '../events/fact-relay.ts';
import { FactStream } from '../events/fact-stream.ts';
import { createGateway } from '../gateway/gateway.ts';
import { PeriodicCollection } from '../images/index.ts';
import { ServiceGroup } from '../lib/lifecycle.ts';
import { deployedRepositories } from '../orchestration/deployed-repositories.ts';
import { checkEgress, checkEndpoint } from '../network/blocked-ranges.ts';
import { StoredBackups } from '../orchestration/backup/stored-backups.ts';
import { CanaryDriver } from '../orchestration/canary-driver.ts';
import { DataSchema } from '../orchestration/data-schema.ts';
import { createFunctionDeployer } from '../orchestration/function-deployer.ts';
import { recordedNetworks, requireNetworks } from '../orchestration/private-networks.ts';
import { RedisNodeDirectory } from '../orchestration/node-directory.ts';
import { askedNodesGarbage } from '../orchestration/nodes-garbage.ts';
import { NodeQuestions } from '../orchestration/node-questions.ts';
import { NodeVersions } from '../orchestration/node-versions.ts';
import { placeFunction } from '../orchestration/placement-policy.ts';
import { requireRuntimeClass } from '../orchestration/runtime-classes.ts';
import { askedSandboxDirectory } from '../orchestration/sandbox-directory.ts';
import { requireVolumes } from '../orchestration/required-volumes.ts';
import { nodesThatFit } from '../orchestration/constraints-policy.ts';
import { recordedNodes } from '../orchestration/node-registry.ts';
import { requireHosts } from '../orchestration/required-hosts.ts';
import { requireLabels } from '../orchestration/required-labels.ts';
import { RedisRecordStore } from '../orchestration/redis-record-store.ts';
import { createEventQueues } from '../queue/index.ts';
import { BullLaneProducer } from '../queue/lane-producer.ts';
import { ReplyServer } from '../replies/reply-server.ts';
import { clusterProof, ensureClusterKey } from '../security/cluster-key.ts';
import { AuditLog } from '../telemetry/audit-log.ts';
import { createSchedules } from '../schedules/index.ts';
import { PrometheusPage } from '../telemetry/metrics/prometheus-page.ts';
import { FileLogStore } from '../telemetry/log-store.ts';
import { logFacts } from '../telemetry/log-facts.ts';
import { VolumeClient } from '../volumes/index.ts';
import { dataPaths } from './data-paths.ts';
import { RedisUsageLedger } from '../telemetry/usage/redis-usage-ledger.ts';
import { imageFolders, imagesOf } from './images.ts';
import { redisOf } from './redis.ts';
import { gatewaySecurity } from './security.ts';
import { tracesOf } from './traces.ts';

/** A gateway: the HTTP face. `address` is known once it has started. */
export async function createGatewayHost(
  config: HostConfig,
  logger: Logger,
): Promise<Service & { readonly address: string }> {
  const paths = dataPaths(config.dataDir);
  const facts = new FactBus();
  const { durable, fast } = redisOf(config, logger);
  const functions = new RedisRecordStore<FunctionRecord>({ ...durable, kind: 'functions' });
  const security = await gatewaySecurity(paths, { durable, fast });
  const volumeRecords = new RedisRecordStore<VolumeRecord>({ ...durable, kind: 'volumes' });
  const networkRecords = new RedisRecordStore<NetworkRecord>({ ...durable, kind: 'networks' });
  const stacks = new RedisRecordStore<StackRecord>({ ...durable, kind: 'stacks' });
  const webhooks = new RedisRecordStore<WebhookRecord>({ ...durable, kind: 'webhooks' });
  const { keys, secrets, masterKey, authorizer, guard, quotas } = security;
  const audit = new AuditLog({ dir: paths.audit, logger });
  const clusterKey =
    config.clusterListen === undefined ? undefined : await ensureClusterKey(paths.clusterKey);
  const isOurs = ({ id, clusterProof: proof }: NodeInfo) =>
    clusterKey === undefined || proof === clusterProof(clusterKey, id);
  const nodes = new RedisNodeDirectory({
    ...fast,
    facts,
    onGone: (node) => void gateway.nodeGone(node),
  });
  const nodeRecords = new RedisRecordStore<NodeRecord>({ ...durable, kind: 'nodes' });
  const questions = new NodeQuestions(fast);
  const sandboxes = askedSandboxDirectory({ questions, nodes });
  const cluster = {
    volume: (name: string) => volumeRecords.get(name),
    node: (id: string) => nodeRecords.get(id),
  };
  const nodesFor = (spec: FunctionSpec, live = nodes.live()) =>
    nodesThatFit(spec, live.filter(isOurs), cluster);
  const nodeVersions = new NodeVersions({ questions, nodesFor });
  const replies = new ReplyServer({
    listen: config.clusterListen ?? `unix:${paths.replies}`,
    clusterKey,
    logger,
  });
  const lane = new BullLaneProducer(fast);
  const { tracing, recorder } = tracesOf('hearth-gateway', config, facts, logger);
  const eventQueues = createEventQueues({ ...durable, tracing });
  const logs = new FileLogStore({ dir: paths.logs });
  const images = imagesOf(
    config,
    () => deployedRepositories(functions.list(), nodeVersions.preparing()),
    facts,
  );
  const member = `gateway/${config.hostname}`;
  const relay = new FactRelay({ ...fast, bus: facts, source: member });
  const feed = new FactStream(fast);
  const metrics = new PrometheusPage({
    nodes,
    sandboxes,
    functions,
    eventQueues: eventQueues.control,
    logger,
  });
  feed.subscribe(metrics.count);
  facts.subscribe(metrics.countOwn);
  const usage = new RedisUsageLedger(durable);
  const { schedules, service: scheduling } = createSchedules({
    ...durable,
    functions,
    invoker: eventQueues.invoker,
    records: eventQueues.records,
  });
  const eventTriggers = new EventTriggers({
    ...fast,
    member,
    functions,
    webhooks,
    invoker: eventQueues.invoker,
    facts,
    tracing,
  });
  const deployer = createFunctionDeployer({
    functions,
    packages: images.packages,
    images: images.provider,
    publish: (version, onProgress) =>
      images.publish(version, { signal: AbortSignal.timeout(imageTransferLimitMs), onProgress }),
    readyNodes: (spec, digest, onProgress) => nodeVersions.prepare(spec, digest, onProgress),
    secrets,
    admit: (spec) => {
      checkEgress(spec.network, config.network);
      requireNetworks(spec, networkRecords);
      requireRuntimeClass(spec, nodes.live());
      requireLabels(spec, nodes.live());
      requireVolumes(spec, (name) => volumeRecords.get(name) !== undefined);
    },
    admitLive: (spec) => requireHosts(spec, config.functionHosts, functions),
    facts,
  });
  const canaries = new CanaryDriver({ functions, deployer, logger });
  feed.subscribe(canaries.listen);
  const gateway = createGateway({
    listen: config.listen,
    functionCallsPath: paths.functionCalls,
    tls: config.tls,
    tracing,
    facts,
    functions,
    functionHosts: config.functionHosts,
    archives: images.archives,
    deployer,
    lane,
    invoker: eventQueues.invoker,
    records: eventQueues.records,
    schedules,
    eventQueues: eventQueues.control,
    idempotency: eventQueues.idempotency,
    replies,
    nodes,
    sandboxes,
    place: (spec, live, inFlightOn) => placeFunction(spec, nodesFor(spec, live), inFlightOn),
    nodeRegistry: recordedNodes({ nodes, records: nodeRecords, isOurs }),
    volumes: new VolumeClient({ socketPath: paths.volumeSocket }),
    volumeRecords,
    networks: recordedNetworks({
      records: networkRecords,
      admit: (endpoint) => checkEndpoint(endpoint, config.network),
    }),
    networkRecords,
    stacks,
    backups: new StoredBackups({
      ...security.records,
      functions,
      networks: networkRecords,
      stacks,
      volumes: volumeRecords,
      schedules,
      blobs: images.blobs,
      canOpen: security.canOpen,
    }),
    webhooks,
    logs,
    feed,
    factSchemas,
    metrics,
    usage,
    keys,
    secrets,
    masterKey,
    authorizer,
    quotas,
    ...images.registry,
    nodesGarbage: askedNodesGarbage({ questions, nodes }),
    guard,
    logger,
  });
  facts.subscribe(logFacts(logger));
  facts.subscribe(audit.listen);
  facts.subscribe(({ type, data }) => {
    if (type === 'function.removed') void logs.remove(data.functionName);
  });
  const services = new ServiceGroup('gateway', [
    ...recorder,
    new DataSchema(durable),
    feed,
    relay,
    imageFolders(images, { isGateways: true }),
    functions,
    ...security.services,
    volumeRecords,
    networkRecords,
    stacks,
    nodeRecords,
    webhooks,
    audit,
    nodes,
    questions,
    replies,
    lane,
    eventQueues.service,
    scheduling,
    eventTriggers,
    canaries,
    logs,
    usage,
    new PeriodicCollection(images.registry.garbage, logger),
    gateway,
  ]);
  return Object.defineProperty(services, 'address', {
    get: () => gateway.address,
  }) as ServiceGroup & { readonly address: string };
}
