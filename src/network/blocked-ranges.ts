import { HostError } from '../domain/errors.ts';
import type { NetworkSpec } from '../domain/network.ts';
import type { NetworkEndpoint } from '../domain/private-network.ts';
import {
  formatIpRange,
  ipRangesOverlap,
  parseIpRange,
  type IpFamily,
  type IpRange,
} from '../lib/ip-range.ts';

/**
 * What no function reaches, whatever its rules say, unless the operator excepts it: addresses that
 * only mean something on this machine or this site, and those under which such are also reachable.
 */
const always = [
  '0.0.0.0/8', // "this network"
  '10.0.0.0/8', // private
  '100.64.0.0/10', // shared by carriers, and by overlay networks
  '127.0.0.0/8', // loopback
  '169.254.0.0/16', // link-local: the metadata services of clouds
  '172.16.0.0/12', // private
  '192.0.0.0/24', // protocol assignments
  '192.168.0.0/16', // private
  '198.18.0.0/15', // benchmarks; other sandboxes by default
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, and broadcast
  '::/96', // unspecified, loopback, and IPv4 in IPv6
  '::ffff:0:0/96', // IPv4 in IPv6
  '64:ff9b::/96', // IPv4 behind a translator, private ones too
  '64:ff9b:1::/48',
  '100::/64', // discarded
  '2001::/32', // Teredo: IPv4 in IPv6
  '2002::/16', // 6to4: IPv4 in IPv6
  'fc00::/7', // private: metadata services of clouds too
  'fe80::/10', // link-local
  'fec0::/10', // private, formerly
  'ff00::/8', // multicast
].map(rangeOf);

/** Those of them that are no place where anything could be for functions: not even an endpoint. */
const nowhere = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/96',
  '::ffff:0:0/96',
  'fe80::/10',
  'ff00::/8',
].map(rangeOf);

/** What the operator adds to it and takes from it. */
export interface OperatorRanges {
  /** Of the node's sandboxes. */
  readonly ranges: readonly IpRange[];
  /** Blocked besides: where Redis lies, say. */
  readonly denied: readonly IpRange[];
  /** Reachable after all, where a function's rules allow it. */
  readonly excepted: readonly IpRange[];
}

/** For one family, as nft writes them, without those that lie within another. */
export function blockedRanges(family: IpFamily, operator: OperatorRanges): readonly string[] {
  return disjoint(allBlocked(operator).filter((range) => range.family === family));
}

/** The same for one address, for those who learn of it before the packet filter does. */
export function isBlocked(address: string, operator: OperatorRanges): boolean {
  const one = parseIpRange(address);
  if (!one) return true;
  const covers = (range: IpRange) => ipRangesOverlap(range, one);
  return allBlocked(operator).some(covers) && !operator.excepted.some(covers);
}

function allBlocked({ ranges, denied }: OperatorRanges): readonly IpRange[] {
  return [...always, ...denied, ...ranges];
}

/** May no endpoint of a private network have this address? */
export function isForbidden(address: string, { ranges, denied }: OperatorRanges): boolean {
  const one = parseIpRange(address);
  if (!one) return true;
  return [...nowhere, ...ranges, ...denied].some((range) => ipRangesOverlap(range, one));
}

/** @throws HostError `invalid` for an endpoint that no function can reach. */
export function checkEndpoint(
  { host }: Pick<NetworkEndpoint, 'host'>,
  operator: OperatorRanges,
): void {
  if (!parseIpRange(host) || !isForbidden(host, operator)) return;
  throw new HostError(
    'invalid',
    'network.forbidden_endpoint',
    `${host} cannot be an endpoint: loopback, link-local and multicast addresses, those of sandboxes and what HEARTH_NETWORK_DENY lists stay out of reach. A service of this machine is reached at an address of one of its interfaces.`,
  );
}

/**
 * Tells early what could never work. @throws HostError `invalid` that names the ranges which no
 * function can reach here.
 */
export function checkEgress(network: NetworkSpec | undefined, operator: OperatorRanges): void {
  const blocked = (network?.egress ?? []).flatMap(({ to }) => {
    const range = to.kind === 'range' ? parseIpRange(to.range) : undefined;
    return range && isUnreachable(range, operator) ? [formatIpRange(range)] : [];
  });
  if (blocked.length === 0) return;
  throw new HostError(
    'invalid',
    'network.blocked',
    `network.egress: ${blocked.join(', ')} cannot be reached from functions: private and local addresses are blocked unless the operator excepts them with HEARTH_NETWORK_ALLOW.`,
    { details: { blocked } },
  );
}

function isUnreachable(range: IpRange, operator: OperatorRanges): boolean {
  const covers = (outer: IpRange) =>
    ipRangesOverlap(outer, range) && outer.prefixLength <= range.prefixLength;
  const isExcepted = operator.excepted.some((excepted) => ipRangesOverlap(excepted, range));
  return allBlocked(operator).some(covers) && !isExcepted;
}

/** Sets of ranges in nft take none that overlap. */
export function disjoint(ranges: readonly IpRange[]): readonly string[] {
  const widestFirst = ranges.toSorted((a, b) => a.prefixLength - b.prefixLength);
  const kept: IpRange[] = [];
  for (const range of widestFirst) {
    if (!kept.some((other) => ipRangesOverlap(other, range))) kept.push(range);
  }
  return kept.map(formatIpRange);
}

function rangeOf(text: string): IpRange {
  const range = parseIpRange(text);
  if (!range) throw new TypeError(`${text} is not a range`);
  return range;
}
