import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NodeInfo } from '../../../src/domain/node.ts';
import { placeFunction } from '../../../src/orchestration/placement-policy.ts';

const node = (id: string): NodeInfo => ({ id, hostname: id, memoryBytes: 1, startedAt: '' });
const nodeIds = fc.uniqueArray(fc.stringMatching(/^[a-z0-9-]{1,20}$/), { minLength: 1 });
const functionName = fc.stringMatching(/^[a-z0-9-]{1,63}$/);

describe('placeFunction', () => {
  it('has no answer without nodes', () => {
    expect(placeFunction('hello', [])).toBeUndefined();
  });

  it('chooses the same node whatever the order of the list', () => {
    fc.assert(
      fc.property(nodeIds, functionName, (ids, name) => {
        const forwards = placeFunction(name, ids.map(node));
        expect(ids).toContain(forwards);
        expect(placeFunction(name, ids.toReversed().map(node))).toBe(forwards);
      }),
    );
  });

  it('moves only the functions of a node that leaves', () => {
    fc.assert(
      fc.property(nodeIds, functionName, fc.nat(), (ids, name, pick) => {
        const leaving = ids[pick % ids.length];
        const before = placeFunction(name, ids.map(node));
        fc.pre(before !== leaving);
        const others = ids.filter((id) => id !== leaving);
        expect(placeFunction(name, others.map(node))).toBe(before);
      }),
    );
  });

  it('spreads many functions evenly over a few nodes with similar names', () => {
    const nodes = ['node-1', 'node-2', 'node-3', 'node-4'].map(node);
    const counts = new Map<string | undefined, number>();
    for (let index = 0; index < 4_000; index += 1) {
      const id = placeFunction(`function-${index}`, nodes);
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    // 1,000 each, give or take; five standard deviations are 137.
    for (const count of counts.values()) expect(Math.abs(count - 1_000)).toBeLessThan(137);
    expect(counts.size).toBe(4);
  });
});
