import { existsSync } from 'node:fs';
import { attribute, nest, NetlinkSocket, netlinkProtocols, openNetlink } from './netlink.ts';
import { requestFlags, text, u32, type NetlinkMessage } from './netlink.ts';
import { tokenBucket } from './token-bucket.ts';
import { interfaceIndex } from './sockets.ts';

/** Two addresses that are each other's only neighbour: a /31, or a /127. */
export interface LinkAddresses {
  readonly family: 4 | 6;
  /** In the order of the network. */
  readonly router: Uint8Array;
  readonly sandbox: Uint8Array;
}

export interface VethLink {
  /** Of the interface at the router's end; at the sandbox's end it is always eth0. */
  readonly name: string;
  readonly routerMac: Uint8Array;
  readonly sandboxMac: Uint8Array;
  readonly addresses: readonly LinkAddresses[];
  /** Bits a second at most, each way. */
  readonly bandwidth?: number | undefined;
}

/** Runs synchronous work in one of the two namespaces, which it gets as a descriptor. */
export interface VethPlaces {
  readonly inRouter: <T>(act: (namespace: number) => T) => T;
  readonly inSandbox: <T>(act: (namespace: number) => T) => T;
}

const families = { 4: 2, 6: 10 } as const; // AF_INET, AF_INET6
const prefixLengths = { 4: 31, 6: 127 } as const;
const types = { newLink: 16, deleteLink: 17, newAddress: 20, newRoute: 24, newNeighbour: 28 }; // RTM_*
const linkAttributes = { address: 1, name: 3, info: 18, afSpec: 26, namespace: 28 }; // IFLA_*
const infoAttributes = { kind: 1, data: 2 }; // IFLA_INFO_*
const peerAttribute = 1; // VETH_INFO_PEER
const generationMode = 8; // IFLA_INET6_ADDR_GEN_MODE
const noGeneration = 1; // IN6_ADDR_GEN_MODE_NONE
const addressAttributes = { address: 1, local: 2, flags: 8 }; // IFA_*
const noDuplicateDetection = 2; // IFA_F_NODAD
const routeAttributes = { outInterface: 4, gateway: 5 }; // RTA_*
const neighbourAttributes = { destination: 1, hardware: 2 }; // NDA_*
const permanent = 0x80; // NUD_PERMANENT
const interfaceUp = 1; // IFF_UP

const sandboxInterface = 'eth0';

/**
 * A pair of interfaces, one in each namespace, with addresses, the sandbox's default route, and
 * each end's neighbour written down: nothing is ever asked or believed on the link.
 * @throws LinuxError; then there is no link.
 */
export function createVeth(link: VethLink, { inRouter, inSandbox }: VethPlaces): void {
  using router = new NetlinkSocket(inRouter(() => openNetlink(netlinkProtocols.route)));
  using sandbox = new NetlinkSocket(inSandbox(() => openNetlink(netlinkProtocols.route)));
  inSandbox((namespace) => router.request([pair(link, namespace)], `the link ${link.name}`));
  try {
    const routerIndex = inRouter(() => interfaceIndex(link.name));
    const sandboxIndex = inSandbox(() => interfaceIndex(sandboxInterface));
    router.request(routerEnd(link, routerIndex), `the router's end of ${link.name}`);
    sandbox.request(sandboxEnd(link, sandboxIndex), `the sandbox's end of ${link.name}`);
  } catch (error) {
    router.request([deleteLink(link.name)], `the removal of ${link.name}`);
    throw error;
  }
}

function pair(link: VethLink, sandboxNamespace: number): NetlinkMessage {
  const peer = Buffer.concat([
    linkHeader(0, 0),
    text(linkAttributes.name, sandboxInterface),
    attribute(linkAttributes.address, Buffer.from(link.sandboxMac)),
    u32(linkAttributes.namespace, sandboxNamespace),
  ]);
  return message(types.newLink, requestFlags.create | requestFlags.excl, [
    linkHeader(0, 0),
    text(linkAttributes.name, link.name),
    attribute(linkAttributes.address, Buffer.from(link.routerMac)),
    nest(
      linkAttributes.info,
      text(infoAttributes.kind, 'veth'),
      nest(infoAttributes.data, attribute(peerAttribute, peer)),
    ),
  ]);
}

function deleteLink(name: string): NetlinkMessage {
  return message(types.deleteLink, 0, [linkHeader(0, 0), text(linkAttributes.name, name)]);
}

function routerEnd(link: VethLink, index: number): NetlinkMessage[] {
  return [
    ...limited(link, index),
    ...raised(index),
    ...link.addresses.flatMap(({ family, router, sandbox }) => [
      addressOn(index, family, router),
      neighbour(index, family, sandbox, link.sandboxMac),
    ]),
  ];
}

function sandboxEnd(link: VethLink, index: number): NetlinkMessage[] {
  return [
    ...limited(link, index),
    ...raised(index),
    ...link.addresses.flatMap(({ family, router, sandbox }) => [
      addressOn(index, family, sandbox),
      neighbour(index, family, router, link.routerMac),
      defaultRoute(index, family, router),
    ]),
  ];
}

/** Before it is up. Nothing inside a sandbox has the right to change it. */
function limited({ bandwidth }: VethLink, index: number): NetlinkMessage[] {
  return bandwidth === undefined ? [] : [tokenBucket(index, bandwidth)];
}

/** Up, without an IPv6 address of its own making. */
function raised(index: number): NetlinkMessage[] {
  const up = message(types.newLink, 0, [linkHeader(index, interfaceUp)]);
  if (!existsSync('/proc/sys/net/ipv6')) return [up];
  const mode = attribute(generationMode, Buffer.from([noGeneration]));
  const none = message(types.newLink, 0, [
    linkHeader(index, 0),
    nest(linkAttributes.afSpec, nest(families[6], mode)),
  ]);
  return [none, up];
}

function addressOn(index: number, family: 4 | 6, address: Uint8Array): NetlinkMessage {
  const header = Buffer.alloc(8); // struct ifaddrmsg
  header.writeUInt8(families[family], 0);
  header.writeUInt8(prefixLengths[family], 1);
  header.writeUInt32LE(index, 4);
  return message(types.newAddress, requestFlags.create | requestFlags.excl, [
    header,
    attribute(addressAttributes.local, Buffer.from(address)),
    attribute(addressAttributes.address, Buffer.from(address)),
    u32(addressAttributes.flags, noDuplicateDetection),
  ]);
}

function neighbour(
  index: number,
  family: 4 | 6,
  address: Uint8Array,
  mac: Uint8Array,
): NetlinkMessage {
  const header = Buffer.alloc(12); // struct ndmsg
  header.writeUInt8(families[family], 0);
  header.writeInt32LE(index, 4);
  header.writeUInt16LE(permanent, 8);
  return message(types.newNeighbour, requestFlags.create, [
    header,
    attribute(neighbourAttributes.destination, Buffer.from(address)),
    attribute(neighbourAttributes.hardware, Buffer.from(mac)),
  ]);
}

function defaultRoute(index: number, family: 4 | 6, gateway: Uint8Array): NetlinkMessage {
  const header = Buffer.alloc(12); // struct rtmsg
  header.writeUInt8(families[family], 0);
  header.writeUInt8(254, 4); // RT_TABLE_MAIN
  header.writeUInt8(4, 5); // RTPROT_STATIC
  header.writeUInt8(1, 7); // RTN_UNICAST
  return message(types.newRoute, requestFlags.create | requestFlags.excl, [
    header,
    attribute(routeAttributes.gateway, Buffer.from(gateway)),
    u32(routeAttributes.outInterface, index),
  ]);
}

/** struct ifinfomsg. */
function linkHeader(index: number, flags: number): Buffer {
  const header = Buffer.alloc(16);
  header.writeInt32LE(index, 4);
  header.writeUInt32LE(flags, 8);
  header.writeUInt32LE(flags, 12); // which of them are meant
  return header;
}

function message(type: number, flags: number, parts: readonly Buffer[]): NetlinkMessage {
  return { type, flags: flags | requestFlags.ack, body: Buffer.concat(parts) };
}
