import { crc32 } from 'node:zlib';

// Messages of `application/vnd.amazon.eventstream`, big-endian: total length, length of the headers,
// CRC of these eight bytes, headers, payload, CRC of all before.

const preludeBytes = 12;
const checksumBytes = 4;
const stringType = 7;

export const eventStreamType = 'application/vnd.amazon.eventstream';

/** One event of a stream, as AWS's clients decode it. */
export function eventMessage(eventType: string, contentType: string, payload: Uint8Array): Buffer {
  const headers = Buffer.concat([
    textHeader(':message-type', 'event'),
    textHeader(':event-type', eventType),
    textHeader(':content-type', contentType),
  ]);
  const total = preludeBytes + headers.length + payload.byteLength + checksumBytes;
  const message = Buffer.alloc(total);
  message.writeUInt32BE(total, 0);
  message.writeUInt32BE(headers.length, 4);
  message.writeUInt32BE(crc32(message.subarray(0, 8)), 8);
  message.set(headers, preludeBytes);
  message.set(payload, preludeBytes + headers.length);
  const end = total - checksumBytes;
  message.writeUInt32BE(crc32(message.subarray(0, end)), end);
  return message;
}

/** Length and name, type, length and value. */
function textHeader(name: string, value: string): Buffer {
  const named = Buffer.from(name);
  const valued = Buffer.from(value);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(valued.length);
  return Buffer.concat([Buffer.of(named.length), named, Buffer.of(stringType), length, valued]);
}
