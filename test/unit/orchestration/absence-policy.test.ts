import { describe, expect, it } from 'vitest';
import { lostNodes, missed, type Absences } from '../../../src/orchestration/absence-policy.ts';

const known = ['me', 'a', 'b'];
/** Looks at each of the times, in seconds, and gives who is lost at the end. */
function lostAfter(looks: readonly (readonly [number, readonly string[]])[]): readonly string[] {
  let absences: Absences = new Map();
  let nowMs = 0;
  for (const [seconds, live] of looks) {
    nowMs = seconds * 1000;
    absences = missed(absences, { self: 'me', known, live: new Set(live), nowMs });
  }
  return lostNodes(absences, nowMs);
}

describe('a node is lost', () => {
  it('when it has been missed for three seconds', () => {
    const looks = [1, 2, 3].map((second) => [second, ['me', 'a']] as const);
    expect(lostAfter(looks)).toEqual([]);
    expect(lostAfter([...looks, [4, ['me', 'a']]])).toEqual(['b']);
  });

  it('not when it was back meanwhile', () => {
    const gone = ['me', 'a'];
    expect(
      lostAfter([
        [1, gone],
        [3, known],
        [4, gone],
        [6, gone],
      ]),
    ).toEqual([]);
  });

  it('not because Redis forgot everybody: each is given the time to say that it is there', () => {
    expect(
      lostAfter([
        [1, []],
        [20, []],
        [21, ['me']],
        [23, ['me', 'a']],
      ]),
    ).toEqual([]);
    expect(
      lostAfter([
        [1, []],
        [20, []],
        [21, ['me']],
        [24, ['me', 'a']],
      ]),
    ).toEqual(['b']);
  });
});
