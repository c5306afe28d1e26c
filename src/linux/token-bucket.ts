import { attribute, nest, text, u32, requestFlags, type NetlinkMessage } from './netlink.ts';

const newQdisc = 36; // RTM_NEWQDISC
const root = 0xffffffff; // TC_H_ROOT
const qdiscAttributes = { kind: 1, options: 2 }; // TCA_*
const bucketAttributes = { parameters: 1, rate64: 4, burst: 6 }; // TCA_TBF_*
const ethernet = 1; // TC_LINKLAYER_ETHERNET

/** The largest that one packet is before it is cut into frames. */
const leastBurstBytes = 64 * 1024;

/** At the rate, what may go at once, and what may wait. */
const burstMs = 10;
const queueMs = 100;

/** What the interface sends is held to a rate; what is more waits a moment, and then is dropped. */
export function tokenBucket(interfaceIndex: number, bitsPerSecond: number): NetlinkMessage {
  const bytesPerSecond = Math.floor(bitsPerSecond / 8);
  const burst = Math.max(leastBurstBytes, Math.floor((bytesPerSecond * burstMs) / 1000));
  const queue = Math.min(0x7fffffff, burst + Math.floor((bytesPerSecond * queueMs) / 1000));
  const header = Buffer.alloc(20); // struct tcmsg
  header.writeInt32LE(interfaceIndex, 4);
  header.writeUInt32LE(root, 12);
  const rate64 = Buffer.alloc(8);
  rate64.writeBigUInt64LE(BigInt(bytesPerSecond));
  return {
    type: newQdisc,
    flags: requestFlags.create | requestFlags.excl | requestFlags.ack,
    body: Buffer.concat([
      header,
      text(qdiscAttributes.kind, 'tbf'),
      nest(
        qdiscAttributes.options,
        attribute(bucketAttributes.parameters, parameters(bytesPerSecond, queue)),
        attribute(bucketAttributes.rate64, rate64),
        u32(bucketAttributes.burst, Math.min(0x7fffffff, burst)),
      ),
    ]),
  };
}

/** struct tc_tbf_qopt: two struct tc_ratespec, of which the second is not used, limit, buffer, mtu. */
function parameters(bytesPerSecond: number, queueBytes: number): Buffer {
  const buffer = Buffer.alloc(36);
  buffer.writeUInt8(ethernet, 1);
  buffer.writeUInt32LE(Math.min(0xffffffff, bytesPerSecond), 8);
  buffer.writeUInt32LE(queueBytes, 24);
  return buffer;
}
