import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chooseEvictions, expired, type IdleSandbox } from '../../../src/containers/pool-policy.ts';

const idle = fc
  .array(
    fc.record({
      memoryBytes: fc.integer({ min: 1, max: 1000 }),
      idleSinceMs: fc.integer({ min: 0, max: 1000 }),
      keepWarmMs: fc.integer({ min: 1, max: 1000 }),
    }),
    { maxLength: 30 },
  )
  .map((list): IdleSandbox[] => list.map((item, i) => ({ id: String(i), ...item })));

describe('choosing whom to evict', () => {
  test('frees enough or does nothing', () => {
    fc.assert(
      fc.property(idle, fc.integer({ min: 1, max: 5000 }), (sandboxes, needed) => {
        const total = sandboxes.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
        const chosen = chooseEvictions(sandboxes, needed);
        expect(chosen === undefined).toBe(total < needed);
        const freed = sandboxes
          .filter(({ id }) => chosen?.includes(id))
          .reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
        if (chosen) expect(freed).toBeGreaterThanOrEqual(needed);
      }),
    );
  });

  test('takes the longest idle, and no more than needed', () => {
    fc.assert(
      fc.property(idle, fc.integer({ min: 1, max: 5000 }), (sandboxes, needed) => {
        const chosen = chooseEvictions(sandboxes, needed) ?? [];
        const byId = new Map(sandboxes.map((sandbox) => [sandbox.id, sandbox]));
        const victims = chosen.map((id) => byId.get(id)!);
        const spared = sandboxes.filter(({ id }) => !chosen.includes(id));
        const newest = Math.max(...victims.map(({ idleSinceMs }) => idleSinceMs));
        for (const sandbox of victims.length > 0 ? spared : []) {
          expect(sandbox.idleSinceMs).toBeGreaterThanOrEqual(newest);
        }
        const allButLast = victims.slice(0, -1).reduce((sum, v) => sum + v.memoryBytes, 0);
        expect(allButLast).toBeLessThan(needed);
      }),
    );
  });
});

test('a sandbox expires when its keep-warm time is over, not before', () => {
  const sandbox = { id: 'a', memoryBytes: 1, idleSinceMs: 100, keepWarmMs: 50 };
  expect(expired([sandbox], 149)).toEqual([]);
  expect(expired([sandbox], 150)).toEqual(['a']);
});
