import type { NetworkConfig } from '../config/network-settings.ts';
import type { Workspace } from '../containers/workspace.ts';
import type { FactPublisher } from '../domain/facts.ts';
import type { NodeId } from '../domain/ids.ts';
import type { Logger } from '../domain/logger.ts';
import type { NamespaceSockets, NetworkProvider } from '../domain/network.ts';
import type { NetworkDirectory } from '../domain/private-network.ts';
import type { Service } from '../domain/service.ts';
import type { UseTally } from '../domain/usage.ts';
import { NetworkNamespaces } from '../linux/index.ts';
import { createNodeNetworks } from '../network/index.ts';

/** Namespaces made ahead: a burst of so many cold starts does not wait for the kernel. */
const readyNamespaces = 8;

export interface WorkerNetwork {
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
  readonly gatewayPath: string;
  readonly directory: NetworkDirectory;
  readonly facts: FactPublisher;
  readonly usage: UseTally;
  readonly logger: Logger;
}): WorkerNetwork {
  const { workspace, ...rest } = options;
  const namespaces = new NetworkNamespaces();
  const { provider, services } = createNodeNetworks({
    ...rest,
    namespaces,
    pinsDir: workspace.namespacesDir,
    addressesDir: workspace.addressesDir,
    readyNamespaces,
  });
  return { provider, sockets: namespaces, services: [namespaces, ...services] };
}
