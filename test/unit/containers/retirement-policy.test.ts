import { describe, expect, test } from 'vitest';
import { isWornOut, type Wear } from '../../../src/containers/pool/retirement-policy.ts';

const hourMs = 60 * 60_000;
const fresh: Wear = {
  invocations: 1,
  ageMs: 1000,
  memoryBytes: 40,
  memoryLimitBytes: 100,
  descriptors: 30,
  spread: 0,
};

describe('a sandbox is worn out', () => {
  test.each<[string, Partial<Wear>, boolean]>([
    ['new', {}, false],
    ['after very many invocations', { invocations: 100_000 }, true],
    ['not before', { invocations: 99_999 }, false],
    ['after half a day', { ageMs: 12 * hourMs }, true],
    ['not before that', { ageMs: 12 * hourMs - 1 }, false],
    ['earlier by its own lot, so that not all go at once', { ageMs: 9 * hourMs, spread: 1 }, true],
    ['when it keeps nearly all of its memory', { memoryBytes: 90 }, true],
    ['not when it keeps much', { memoryBytes: 89 }, false],
    ['when it keeps half of the descriptors', { descriptors: 512 }, true],
    ['not when it keeps some', { descriptors: 511 }, false],
  ])('%s', (_, difference, expected) => {
    expect(isWornOut({ ...fresh, ...difference })).toBe(expected);
  });
});
