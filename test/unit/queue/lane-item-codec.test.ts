import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LaneItem } from '../../../src/domain/lane.ts';
import {
  decodeLaneBatch,
  decodeLaneItem,
  encodeLaneItem,
  type EncodedLaneItem,
} from '../../../src/queue/lane-item-codec.ts';

const body = fc.oneof(
  fc.constant(undefined),
  fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
);

test('an item comes out of its JSON as it went in, whatever its body', () => {
  fc.assert(
    fc.property(body, fc.webPath(), (bytes, url) => {
      const item: LaneItem = {
        id: '00000000-0000-4000-8000-000000000000',
        functionName: 'hello',
        version: `sha256:${'0'.repeat(64)}`,
        head: { trigger: 'http', method: 'GET', url, headers: [['a', 'b']], sourceIp: '::1' },
        body: bytes,
        acceptedMs: 1,
        deadlineMs: 2,
        replyTo: 'unix:/gateway',
      };
      const json = JSON.stringify(encodeLaneItem(item));
      expect(decodeLaneItem(JSON.parse(json) as EncodedLaneItem)).toEqual(item);
    }),
  );
});

test.each([null, 5, {}, { items: {} }, { items: [null] }, { items: [{ id: 'alone' }] }])(
  'a job of %j is refused in words, not run in part',
  (data) => {
    expect(() => decodeLaneBatch(data)).toThrow('no gateway of this version');
  },
);
