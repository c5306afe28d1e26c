import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeFrame, FrameDecoder, FrameError } from '../../../src/lib/frames.ts';

const frames = fc.array(fc.tuple(fc.integer({ min: 0, max: 255 }), fc.uint8Array()), {
  maxLength: 20,
});

/** Cuts bytes into pieces of the given sizes, the rest last. */
function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  let rest = bytes;
  for (const size of sizes) {
    pieces.push(rest.subarray(0, size));
    rest = rest.subarray(size);
  }
  return [...pieces, rest];
}

describe('frames', () => {
  test('come out as they went in, however the stream was cut', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 0, max: 9 })), (sent, sizes) => {
        const received: [number, Uint8Array][] = [];
        const decoder = new FrameDecoder(1000, (type, payload) =>
          received.push([type, new Uint8Array(payload)]),
        );
        const stream = Buffer.concat(sent.map(([type, payload]) => encodeFrame(type, payload)));
        for (const piece of cut(stream, sizes)) decoder.push(piece);
        expect(received).toEqual(sent);
      }),
    );
  });

  test('over the limit are refused before their payload has arrived', () => {
    const decoder = new FrameDecoder(10, () => {});
    const head = encodeFrame(1, Buffer.alloc(10)).subarray(0, 5);
    expect(() => decoder.push(head)).toThrow(FrameError);
  });

  test('of length 0 are refused, since they have no type', () => {
    const decoder = new FrameDecoder(10, () => {});
    expect(() => decoder.push(Buffer.alloc(5))).toThrow(FrameError);
  });

  test('join their parts', () => {
    let joined = '';
    const decoder = new FrameDecoder(100, (_, payload) => (joined = payload.toString()));
    decoder.push(encodeFrame(7, Buffer.from('ab'), Buffer.from('cd')));
    expect(joined).toBe('abcd');
  });
});
