import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { InFlight, NodeInfo } from '../../../src/domain/node.ts';
import { placeFunction, rankNodes } from '../../../src/orchestration/placement-policy.ts';
import { specOf } from '../../support/function-records.ts';

const mebibyte = 1024 * 1024;
const node = (id: string, others: Partial<NodeInfo> = {}): NodeInfo => ({
  id,
  hostname: id,
  memoryBytes: 64 * 1024 * mebibyte,
  cpus: 2,
  startedAt: '',
  ...others,
});
const nodeIds = fc.uniqueArray(fc.stringMatching(/^[a-z0-9-]{1,20}$/), { minLength: 1 });
const functionName = fc.stringMatching(/^[a-z0-9-]{1,63}$/);
const warm = (name: string): Partial<NodeInfo> => ({ load: { invocations: 0, functions: [name] } });

const four = ['node-1', 'node-2', 'node-3', 'node-4'].map((id) => node(id));

/** Places so many calls, none of which ends; gives how many each node has, the busiest first. */
function placeMany(count: number, nodes: readonly NodeInfo[], spec = specOf('hello')): number[] {
  const inFlight = new Map<string, InFlight>();
  const on = (id: string): InFlight => inFlight.get(id) ?? { count: 0, bytes: 0 };
  for (let index = 0; index < count; index += 1) {
    const id = placeFunction(spec, nodes, on) ?? 'none';
    const before = on(id);
    inFlight.set(id, { count: before.count + 1, bytes: before.bytes + spec.memoryBytes });
  }
  return [...inFlight.values()].map(({ count }) => count).toSorted((a, b) => b - a);
}

describe('placeFunction', () => {
  it('has no answer without nodes', () => {
    expect(placeFunction(specOf('hello'), [])).toBeUndefined();
  });

  it('chooses the same node whatever the order of the list', () => {
    fc.assert(
      fc.property(nodeIds, functionName, (ids, name) => {
        const nodes = ids.map((id) => node(id));
        const forwards = placeFunction(specOf(name), nodes);
        expect(ids).toContain(forwards);
        expect(placeFunction(specOf(name), nodes.toReversed())).toBe(forwards);
      }),
    );
  });

  it('moves only the functions of a node that leaves', () => {
    fc.assert(
      fc.property(nodeIds, functionName, fc.nat(), (ids, name, pick) => {
        const nodes = ids.map((id) => node(id));
        const leaving = ids[pick % ids.length];
        const before = placeFunction(specOf(name), nodes);
        fc.pre(before !== leaving);
        const others = nodes.filter(({ id }) => id !== leaving);
        expect(placeFunction(specOf(name), others)).toBe(before);
      }),
    );
  });

  it('spreads many functions evenly over a few nodes with similar names', () => {
    const counts = new Map<string | undefined, number>();
    for (let index = 0; index < 4_000; index += 1) {
      const id = placeFunction(specOf(`function-${index}`), four);
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    // 1,000 each, give or take; five standard deviations are 137.
    for (const count of counts.values()) expect(Math.abs(count - 1_000)).toBeLessThan(137);
    expect(counts.size).toBe(4);
  });

  it('keeps a few calls together, and spreads many', () => {
    expect(placeMany(8, four)).toEqual([8]);
    const many = placeMany(400, four);
    expect(many).toHaveLength(4);
    expect(many[0]).toBeLessThanOrEqual(1.25 * 100 + 1);
  });

  it('gives no node more than its share, by its processors, and a quarter', () => {
    const cpus = fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 2, maxLength: 8 });
    fc.assert(
      fc.property(cpus, fc.integer({ min: 1, max: 300 }), (all, count) => {
        const nodes = all.map((cpus, index) => node(`node-${index}`, { cpus }));
        const most = Math.max(...all);
        const share = (count * most) / all.reduce((a, b) => a + b, 0);
        const spec = specOf('hello', { scaling: { min: 0, max: 1000 } });
        expect(placeMany(count, nodes, spec)[0]).toBeLessThanOrEqual(
          Math.ceil(Math.max(4 * most, 1.25 * share)) + 1,
        );
      }),
    );
  });

  it('goes on to the next node when the sandboxes of one would not fit any more', () => {
    const small = four.map((one) => ({ ...one, memoryBytes: 256 * mebibyte }));
    expect(placeMany(8, small)).toEqual([2, 2, 2, 2]);
    expect(placeMany(9, small)).toEqual([3, 2, 2, 2]); // somebody has to take it
  });

  it('prefers a node that has a sandbox of the function', () => {
    const [first, second] = rankNodes('hello', four);
    const nodes = four.map((one) => (one === second ? { ...one, ...warm('hello') } : one));
    expect(placeFunction(specOf('hello'), nodes)).toBe(second?.id);
    expect(placeFunction(specOf('hello'), four)).toBe(first?.id);
  });

  it('uses no more nodes than the function may have sandboxes', () => {
    const spec = specOf('hello', { scaling: { min: 0, max: 2 } });
    expect(placeMany(100, four, spec)).toHaveLength(2);
  });
});
