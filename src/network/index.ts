import type { FactPublisher } from '../domain/facts.ts';
import type { Logger } from '../domain/logger.ts';
import type { NetworkProvider } from '../domain/network.ts';
import type { NetworkDirectory } from '../domain/private-network.ts';
import type { Service } from '../domain/service.ts';
import type { UseTally } from '../domain/usage.ts';
import type { NetworkNamespaces } from '../linux/index.ts';
import { DenialLog } from './denial-log.ts';
import { Egress } from './egress.ts';
import { NamespacePool } from './namespace-pool.ts';
import type { NetworkSettings } from './node-network.ts';
import { SandboxNames } from './sandbox-names.ts';
import { SandboxNetworks } from './sandbox-networks.ts';

export type { NetworkSettings } from './node-network.ts';

export interface NodeNetworksOptions {
  readonly nodeId: string;
  readonly settings: NetworkSettings;
  /** Started by its owner before the services, and stopped after them. */
  readonly namespaces: NetworkNamespaces;
  /** Where namespaces are pinned, and where the files of addresses lie; made by their owner. */
  readonly pinsDir: string;
  readonly addressesDir: string;
  /** Namespaces made ahead: a burst of so many cold starts does not wait for the kernel. */
  readonly readyNamespaces: number;
  /** A Unix socket: where the gateway takes calls of functions. */
  readonly gatewayPath: string;
  readonly directory: NetworkDirectory;
  readonly facts: FactPublisher;
  /** Is told what functions send. */
  readonly usage: UseTally;
  readonly logger: Logger;
}

/** What the sandboxes of a node have of networks; the services in the order of their start. */
export function createNodeNetworks(options: NodeNetworksOptions): {
  readonly provider: NetworkProvider;
  readonly services: readonly Service[];
} {
  const { namespaces, pinsDir: dir, readyNamespaces: size, gatewayPath, facts, logger } = options;
  const pool = new NamespacePool({ maker: namespaces, dir, size, logger });
  const denials = new DenialLog(facts);
  const egress = new Egress({ ...options, denials });
  const names = new SandboxNames({ namespaces, denials, logger });
  return {
    provider: new SandboxNetworks({ pool, egress, names, sockets: namespaces, gatewayPath }),
    services: [pool, denials, egress],
  };
}
