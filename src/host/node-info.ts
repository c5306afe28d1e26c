import { availableParallelism, totalmem } from 'node:os';
import type { HostConfig } from '../config/host-config.ts';
import type { OciRuntime } from '../containers/oci-runtime.ts';
import type { NodeInfo } from '../domain/node.ts';
import { ensureNodeId } from '../orchestration/node-id.ts';
import { clusterProof } from '../security/cluster-key.ts';
import { dataPaths } from './data-paths.ts';

/** Sandboxes may have this much of the machine's memory unless the configuration says otherwise. */
const sandboxMemoryShare = 0.75;

/** What a worker says of itself to all gateways. */
export async function nodeInfo(
  config: HostConfig,
  classes: ReadonlyMap<string, OciRuntime>,
  clusterKey: Buffer | undefined,
): Promise<NodeInfo> {
  const names = [...classes.keys()];
  const id = await ensureNodeId(dataPaths(config.dataDir).nodeId);
  return {
    id,
    hostname: config.hostname,
    cpus: availableParallelism(),
    labels: config.nodeLabels,
    ...(clusterKey ? { clusterProof: clusterProof(clusterKey, id) } : {}),
    runtimeClasses: names,
    ownKernelClasses: names.filter((name) => classes.get(name)?.hasOwnKernel),
    memoryBytes: config.memoryBytes ?? Math.floor(totalmem() * sandboxMemoryShare),
    startedAt: new Date().toISOString(),
  };
}
