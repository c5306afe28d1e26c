import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { goesFirst, type Share } from '../../../src/containers/pool/fairness-policy.ts';

const share = (heldBytes: number, needBytes = 1): Share => ({ heldBytes, needBytes });

describe('the place of a free sandbox', () => {
  test.each<[string, Share, Share, boolean]>([
    ['who has nothing, from who has as much as it needs', share(0), share(1), true],
    ['nobody who needs more than the other has', share(0, 4), share(3), false],
    ['who has less, also with one more', share(2), share(4), true],
    ['nobody who would then have as much', share(2), share(3), false],
  ])('goes to %s', (_, waiting, holder, expected) => {
    expect(goesFirst(waiting, holder)).toBe(expected);
  });

  test('is passed on until all have a fair share, and then no more', () => {
    const functions = fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 2, maxLength: 6 });
    fc.assert(
      fc.property(functions, (start) => {
        const held = [...start];
        for (let moves = 0; moves < 1000; moves += 1) {
          const from = held.indexOf(Math.max(...held));
          const to = held.indexOf(Math.min(...held));
          if (from === to || !goesFirst(share(held[to]!), share(held[from]!))) {
            const few = held.reduce((sum, one) => sum + one, 0) < held.length;
            return few || Math.max(...held) - Math.min(...held) <= 1;
          }
          held[from]! -= 1;
          held[to]! += 1;
          if (held[from] === 0) return true; // fewer places than functions: they take turns
        }
        return false;
      }),
    );
  });
});
