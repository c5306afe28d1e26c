import { attributesOf, text, type NetlinkSocket } from './netlink.ts';

const getLink = 18; // RTM_GETLINK
const attributes = { name: 3, statistics: 23 } as const; // IFLA_IFNAME, IFLA_STATS64
const headerBytes = 16; // struct ifinfomsg
const receivedBytesAt = 16; // in struct rtnl_link_stats64

/**
 * Bytes that an interface has received since it was made, with the headers of packets; `socket`: for
 * links, of its namespace. Costs some 20 µs. @throws LinuxError when there is no such interface.
 */
export function receivedBytes(socket: NetlinkSocket, name: string): number {
  const body = Buffer.concat([Buffer.alloc(headerBytes), text(attributes.name, name)]);
  const link = socket.get({ type: getLink, body }, `the counters of ${name}`);
  const statistics = attributesOf(link.subarray(headerBytes)).find(
    ({ type }) => type === attributes.statistics,
  );
  return Number(statistics?.content.readBigUInt64LE(receivedBytesAt) ?? 0n);
}
