import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { HostError } from '../../domain/errors.ts';

/** Only the machine itself. */
const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');

/** Not of the public internet: networks of one's own, and special ones. */
const inner = new BlockList();
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const) {
  inner.addSubnet(network, bits);
}
inner.addAddress('::', 'ipv6');
inner.addAddress('::1', 'ipv6');
inner.addSubnet('fc00::', 7, 'ipv6');
inner.addSubnet('ff00::', 8, 'ipv6');

/** Where clouds answer any of their machines with its credentials: no registry is ever there. */
const linkLocal = new BlockList();
linkLocal.addSubnet('169.254.0.0', 16);
linkLocal.addSubnet('fe80::', 10, 'ipv6');

export type AddressKind = 'loopback' | 'inner' | 'public';

/** What an IP address is. @throws HostError `forbidden` for a link-local one. */
export function addressKind(address: string): AddressKind {
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '');
  const family = isIP(plain) === 6 ? 'ipv6' : 'ipv4';
  if (linkLocal.check(plain, family)) {
    throw new HostError(
      'forbidden',
      'image.address',
      `${address} is a link-local address; images are not fetched from there.`,
    );
  }
  if (loopback.check(plain, family)) return 'loopback';
  return inner.check(plain, family) ? 'inner' : 'public';
}

/**
 * Where a host's name leads: the innermost of its addresses.
 * @throws HostError `unavailable` when it has none.
 */
export async function hostKind(host: string): Promise<AddressKind> {
  const name = host.replace(/^\[(.*)\]$/, '$1');
  try {
    const addresses = await lookup(name, { all: true });
    const kinds = new Set(addresses.map(({ address }) => addressKind(address)));
    return kinds.has('loopback') ? 'loopback' : kinds.has('inner') ? 'inner' : 'public';
  } catch (cause) {
    if (cause instanceof HostError) throw cause;
    throw new HostError('unavailable', 'image.no_registry', `There is no host ${name}.`, { cause });
  }
}
