import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chooseEvictions, worth } from '../../../src/containers/pool/eviction-policy.ts';

const idle = fc.array(
  fc.record({
    chargedBytes: fc.integer({ min: 1, max: 1000 }),
    worth: fc.integer({ min: 0, max: 100 }),
  }),
  { maxLength: 30 },
);
const needed = fc.integer({ min: 1, max: 5000 });
const sum = (list: readonly { readonly chargedBytes: number }[]) =>
  list.reduce((bytes, { chargedBytes }) => bytes + chargedBytes, 0);

describe('choosing whom to evict', () => {
  test('frees enough, or does nothing where all would not be enough', () => {
    fc.assert(
      fc.property(idle, needed, (sandboxes, bytes) => {
        const eviction = chooseEvictions(sandboxes, bytes, 0);
        expect(eviction === undefined).toBe(sum(sandboxes) < bytes);
        if (eviction) expect(sum(eviction.victims)).toBeGreaterThanOrEqual(bytes);
      }),
    );
  });

  test('needs every one of them', () => {
    fc.assert(
      fc.property(idle, needed, (sandboxes, bytes) => {
        const victims = chooseEvictions(sandboxes, bytes, 0)?.victims ?? [];
        for (const victim of victims) {
          expect(sum(victims) - victim.chargedBytes).toBeLessThan(bytes);
        }
      }),
    );
  });

  test('takes those worth least, where all are of one size', () => {
    fc.assert(
      fc.property(idle, needed, (sandboxes, bytes) => {
        const alike = sandboxes.map((sandbox) => ({ ...sandbox, chargedBytes: 100 }));
        const victims = chooseEvictions(alike, bytes, 0)?.victims ?? [];
        const most = Math.max(...victims.map((victim) => victim.worth));
        for (const spared of alike.filter((sandbox) => !victims.includes(sandbox))) {
          if (victims.length > 0) expect(spared.worth).toBeGreaterThanOrEqual(most);
        }
      }),
    );
  });
});

describe('a sandbox is worth more', () => {
  const usual = { startMs: 50, uses: 10, bytes: 1000 };

  test.each([
    ['when its start takes longer', { startMs: 500 }],
    ['when its function is called more often', { uses: 100 }],
    ['when it is smaller', { bytes: 10 }],
  ])('%s', (_, difference) => {
    expect(worth(0, { ...usual, ...difference })).toBeGreaterThan(worth(0, usual));
  });

  test('than any that others were evicted before, once it is used again', () => {
    const sandboxes = [{ chargedBytes: 1, worth: worth(0, { ...usual, uses: 1000 }) }];
    const { clock } = chooseEvictions(sandboxes, 1, 0)!;
    expect(worth(clock, { ...usual, uses: 1 })).toBeGreaterThan(sandboxes[0]!.worth);
  });
});
