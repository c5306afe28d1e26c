import { expect, test } from 'vitest';
import type { Fact } from '../../../src/domain/facts.ts';
import { decodeEntry, encodeEntries } from '../../../src/events/fact-entries.ts';

const removed = (functionName: string): Fact => ({
  type: 'function.removed',
  timeMs: 1,
  data: { functionName },
});

test('many facts are several entries of a limited size, and come back in their order', () => {
  const facts = Array.from({ length: 1_000 }, (_, index) => removed(`ünder-${index}`));
  facts.splice(500, 0, removed('x'.repeat(20_000))); // larger than an entry: one of its own
  const entries = encodeEntries('test', facts);
  const sizes = entries.map(({ fields }) => Buffer.byteLength(fields[3]!));
  expect(sizes.filter((size) => size > 16 * 1024 + 1)).toHaveLength(1);
  expect(entries.length).toBeLessThan(10);
  const back = entries.flatMap(({ fields }, index) => decodeEntry(`${index}-0`, fields));
  expect(back.map(({ fact }) => fact)).toEqual(facts);
  expect(entries.reduce((sum, { facts: count }) => sum + count, 0)).toBe(facts.length);
});
