import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HostError } from '../../../src/domain/errors.ts';
import { FrameError } from '../../../src/lib/frames.ts';
import {
  decodeEnd,
  decodeHello,
  decodeId,
  encodeEnd,
  encodeId,
  idBytes,
} from '../../../src/replies/reply-frames.ts';

const info = { node: 'node-1', timings: { queue: 0.5 } };

test('an id is 16 bytes on the wire and comes out as it went in', () => {
  fc.assert(
    fc.property(fc.uuid(), fc.uint8Array({ maxLength: 8 }), (id, content) => {
      const bytes = encodeId(id);
      expect(bytes).toHaveLength(idBytes);
      expect(decodeId(Buffer.concat([bytes, content]))).toBe(id);
    }),
  );
});

describe('an end', () => {
  test('keeps what a function did', () => {
    const result = { kind: 'crashed', exitCode: 3 } as const;
    expect(decodeEnd(encodeEnd(result, info))).toEqual({ result, info });
  });

  test('keeps what the host says of itself, but not the cause, which is for its own log', () => {
    const error = new HostError('throttled', 'pool.quota', 'Too many.', {
      details: { limit: 3 },
      retryAfterMs: 5,
      cause: new Error('secret'),
    });
    const bytes = encodeEnd(error, info);
    const { result } = decodeEnd(bytes);
    expect(result).toBeInstanceOf(HostError);
    expect(result).toMatchObject({
      code: 'throttled',
      reason: 'pool.quota',
      message: 'Too many.',
      details: { limit: 3 },
      retryAfterMs: 5,
    });
    expect(bytes.toString()).not.toContain('secret');
  });
});

describe('a peer that speaks otherwise is noticed', () => {
  test.each(['null', '{}', '{"node":5}'])('by its HELLO %s', (json) => {
    expect(() => decodeHello(Buffer.from(json))).toThrow(FrameError);
  });

  test('by a frame too short for an id', () => {
    expect(() => decodeId(Buffer.alloc(idBytes - 1))).toThrow(FrameError);
  });
});
