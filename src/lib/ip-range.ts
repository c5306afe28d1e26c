import { isIPv4, isIPv6 } from 'node:net';

export type IpFamily = 4 | 6;

/** Addresses with the same first `prefixLength` bits. One address is a range of full length. */
export interface IpRange {
  readonly family: IpFamily;
  readonly first: bigint;
  readonly prefixLength: number;
}

const bitsOf = (family: IpFamily): number => (family === 4 ? 32 : 128);

/** `203.0.113.0/24`, `2001:db8::/32`, or one address; undefined when it is neither. */
export function parseIpRange(text: string): IpRange | undefined {
  const [address = '', length, ...rest] = text.split('/');
  const family = isIPv4(address) ? 4 : isIPv6(address) && !address.includes('%') ? 6 : undefined;
  if (family === undefined || rest.length > 0) return undefined;
  const bits = bitsOf(family);
  if (length !== undefined && !/^\d{1,3}$/.test(length)) return undefined;
  const prefixLength = length === undefined ? bits : Number(length);
  if (prefixLength > bits) return undefined;
  const value = family === 4 ? parseIPv4(address) : parseIPv6(address);
  const free = BigInt(bits - prefixLength);
  return { family, first: (value >> free) << free, prefixLength };
}

/** As in the configuration and in nft: an address alone where the range is one. */
export function formatIpRange({ family, first, prefixLength }: IpRange): string {
  const address = formatIp(family, first);
  return prefixLength === bitsOf(family) ? address : `${address}/${prefixLength}`;
}

export function formatIp(family: IpFamily, value: bigint): string {
  const bytes = ipBytes(family, value);
  if (family === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1); // the canonical short form
}

/** In the order of the network. */
export function ipBytes(family: IpFamily, value: bigint): Buffer {
  const digits = bitsOf(family) / 4;
  return Buffer.from(value.toString(16).padStart(digits, '0'), 'hex');
}

/** How many addresses it has. */
export function ipRangeSize({ family, prefixLength }: IpRange): bigint {
  return 1n << BigInt(bitsOf(family) - prefixLength);
}

export function ipRangesOverlap(a: IpRange, b: IpRange): boolean {
  return (
    a.family === b.family &&
    a.first < b.first + ipRangeSize(b) &&
    b.first < a.first + ipRangeSize(a)
  );
}

function parseIPv4(text: string): bigint {
  return text.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

function parseIPv6(text: string): bigint {
  const [head = '', tail] = text.split('::');
  const before = groupsOf(head);
  const after = tail === undefined ? [] : groupsOf(tail);
  const gap = tail === undefined ? [] : Array<bigint>(8 - before.length - after.length).fill(0n);
  return [...before, ...gap, ...after].reduce((value, group) => (value << 16n) | group, 0n);
}

/** Groups of 16 bits; the last may be written as an IPv4 address, which is two. */
function groupsOf(text: string): bigint[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [BigInt(`0x${group}`)];
    const value = parseIPv4(group);
    return [value >> 16n, value & 0xffffn];
  });
}
