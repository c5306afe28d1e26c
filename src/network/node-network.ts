import { readFile } from 'node:fs/promises';
import { HostError } from '../domain/errors.ts';
import {
  formatIp,
  formatIpRange,
  ipRangesOverlap,
  type IpFamily,
  type IpRange,
} from '../lib/ip-range.ts';
import type { NetworkNamespaces } from '../linux/index.ts';
import { AddressPool } from './address-pool.ts';
import { blockedRanges, disjoint, isBlocked, isForbidden } from './blocked-ranges.ts';
import { hostNameServers, Resolver, type DnsServer } from './dns/resolver.ts';
import type { Router } from './router.ts';
import { loadRuleTable, type RuleTable } from './rule-table.ts';
import type { ConnectionCaps } from './ruleset.ts';

/** What an operator decides about the network of a node's sandboxes. */
export interface NetworkSettings {
  /** Where sandboxes are routed: a path to a network namespace; undefined: the machine's own. */
  readonly namespace: string | undefined;
  /** Addresses of sandboxes, at most one range of each family. */
  readonly ranges: readonly IpRange[];
  /** Reachable although always blocked otherwise. */
  readonly excepted: readonly IpRange[];
  /** Blocked besides what always is. */
  readonly denied: readonly IpRange[];
  /** Bits a second of one sandbox, each way; undefined: as much as there is. */
  readonly bandwidth?: number | undefined;
  /** Asked for the names that functions may connect to; none: those of /etc/resolv.conf. */
  readonly nameServers: readonly DnsServer[];
}

/** By which a node's own things are told from everybody else's. */
export interface NodeNames {
  readonly table: string;
  readonly linkPrefix: string;
}

/** The router's side, ready for sandboxes: all they share. */
export interface NodeNetwork {
  readonly table: RuleTable;
  /** One of each family that is passed on. */
  readonly addresses: readonly AddressPool[];
  readonly families: readonly IpFamily[];
  readonly resolver: Resolver;
  readonly isBlocked: (address: string) => boolean;
  readonly isForbidden: (address: string) => boolean;
}

/** A function that needs more at once is better off with a proxy or a pool. */
const caps: ConnectionCaps = { open: 512, newPerSecond: 200 };

/** @throws HostError `unavailable` that says what the operator has to do. */
export async function prepareNodeNetwork(options: {
  readonly router: Router;
  readonly settings: NetworkSettings;
  readonly names: NodeNames;
  readonly addressesDir: string;
  readonly namespaces: NetworkNamespaces;
}): Promise<NodeNetwork> {
  const { router, settings, names, namespaces } = options;
  const forwarded = await router.forwardedFamilies();
  const ranges = settings.ranges.filter(({ family }) => forwarded.includes(family));
  if (ranges.length === 0) throw notForwarding();
  for (const { range, where } of await router.usedRanges(names.linkPrefix)) {
    const own = ranges.find((candidate) => ipRangesOverlap(candidate, range));
    if (own) throw rangeInUse(own, where);
  }
  const blocked = perFamily((family) => blockedRanges(family, settings));
  const excepted = perFamily((family) =>
    disjoint(settings.excepted.filter((range) => range.family === family)),
  );
  const table = await loadRuleTable(
    router,
    { ...names, sandboxRanges: ranges.map(formatIpRange), blocked, excepted, caps },
    () => namespaces.filterSocket(router.namespace),
  );
  const servers =
    settings.nameServers.length > 0 ? settings.nameServers : hostNameServers(await resolvConf());
  return {
    table,
    addresses: ranges.map((range) => new AddressPool(options.addressesDir, range)),
    families: ranges.map(({ family }) => family),
    resolver: new Resolver({
      servers,
      newSocket: (family) => namespaces.datagramsFrom(router.namespace, family),
      dial: (to) => namespaces.dialFrom(router.namespace, to),
    }),
    isBlocked: (address) => isBlocked(address, settings),
    isForbidden: (address) => isForbidden(address, settings),
  };
}

function perFamily(ofFamily: (family: IpFamily) => readonly string[]) {
  return { 4: ofFamily(4), 6: ofFamily(6) };
}

function resolvConf(): Promise<string> {
  return readFile('/etc/resolv.conf', 'utf8').catch(() => '');
}

function notForwarding(): HostError {
  return new HostError(
    'unavailable',
    'network.not_forwarding',
    'The function may connect to the network, but this node does not pass packets on: run "sysctl -w net.ipv4.ip_forward=1" on it, and keep that in /etc/sysctl.d.',
  );
}

function rangeInUse(range: IpRange, where: string): HostError {
  return new HostError(
    'unavailable',
    'network.range_in_use',
    `The addresses of sandboxes, ${formatIp(range.family, range.first)}/${range.prefixLength}, overlap ${where}: set HEARTH_NETWORK_RANGES to another range.`,
  );
}
