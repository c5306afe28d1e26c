import { join } from 'node:path';
import { parseEgressEntry } from '../../src/config/function/egress-entry.ts';
import type { NetworkSpec } from '../../src/domain/network.ts';
import { parseIpRange } from '../../src/lib/ip-range.ts';
import type { NetworkNamespaces } from '../../src/linux/index.ts';
import { createNodeNetworks } from '../../src/network/index.ts';
import { noNetworks } from './no-networks.ts';
import { silentLogger } from './silent-logger.ts';

export interface RoutedNetworkOptions {
  readonly nodeId: string;
  /** A network namespace that a test has made, where sandboxes are routed. */
  readonly router: string;
  readonly namespaces: NetworkNamespaces;
  /** Where namespaces are pinned. */
  readonly pinsDir: string;
  readonly addressesDir: string;
}

/** The networks of a node whose sandboxes are routed through a namespace of the test's. */
export function routedNetworks({ router, ...rest }: RoutedNetworkOptions) {
  const range = parseIpRange('198.18.0.0/24');
  if (!range) throw new TypeError('not a range');
  return createNodeNetworks({
    usage: { add: () => {}, collectFrom: () => {} },
    ...rest,
    settings: { namespace: router, ranges: [range], excepted: [], denied: [], nameServers: [] },
    readyNamespaces: 0,
    gatewayPath: join(rest.pinsDir, 'no-gateway.sock'),
    directory: noNetworks,
    facts: { publish: () => {} },
    logger: silentLogger,
  });
}

/** A rule that needs a link, an address and a chain of its own, and no name server. */
export function someEgress(): NetworkSpec {
  const rule = parseEgressEntry('203.0.113.0/24:443');
  if (typeof rule === 'string') throw new TypeError(rule);
  return { egress: [rule] };
}
