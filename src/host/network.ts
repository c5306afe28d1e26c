import type { NetworkConfig } from '../config/network-settings.ts';
import type { Workspace } from '../containers/workspace.ts';
import type { FactPublisher } from '../domain/facts.ts';
import type { NodeId } from '../domain/ids.ts';
import type { Logger } from '../domain/logger.ts';
import type { NamespaceSockets, NetworkProvider } from '../domain/network.ts';
import type { Service } from '../domain/service.ts';
import { NetworkNamespaces } from '../linux/index.ts';
import { Egress } from '../network/egress.ts';
import { NamespacePool } from '../network/namespace-pool.ts';
import { SandboxNetworks } from '../network/sandbox-networks.ts';

/** Namespaces made ahead: a burst of so many cold starts does not wait for the kernel. */
const readyNamespaces = 8;

interface WorkerNetwork {
  readonly provider: NetworkProvider;
  /** Reach sandboxes whatever network they have. */
  readonly sockets: NamespaceSockets;
  readonly services: readonly Service[];
}

/** What a worker's sandboxes have of networks. */
export function workerNetwork(options: {
  readonly nodeId: NodeId;
  readonly settings: NetworkConfig;
  readonly workspace: Workspace;
  readonly facts: FactPublisher;
  readonly logger: Logger;
}): WorkerNetwork {
  const { nodeId, settings, workspace, facts, logger } = options;
  const namespaces = new NetworkNamespaces();
  const { namespacesDir: dir, addressesDir } = workspace;
  const pool = new NamespacePool({ maker: namespaces, dir, size: readyNamespaces, logger });
  const egress = new Egress({ nodeId, settings, namespaces, addressesDir, facts, logger });
  return {
    provider: new SandboxNetworks(pool, egress),
    sockets: namespaces,
    services: [namespaces, pool, egress],
  };
}
