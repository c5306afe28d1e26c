import { describe, expect, it } from 'vitest';
import {
  describeChange,
  planApply,
  type DesiredStack,
  type ObservedStack,
} from '../../../src/cli/apply/apply-plan.ts';

const desired = (parts: Partial<DesiredStack> = {}): DesiredStack => ({
  functions: new Map(),
  volumes: new Set(),
  networks: new Map(),
  ...parts,
});
const observed = (parts: Partial<ObservedStack> = {}): ObservedStack => ({
  stack: undefined,
  functions: new Map(),
  volumes: new Set(),
  networks: new Map(),
  ...parts,
});
const lines = (...args: Parameters<typeof planApply>) => planApply(...args).map(describeChange);
const applied = (packageDigest: string, version = 1) => ({ packageDigest, version });

describe('a plan', () => {
  it('makes what functions need before them', () => {
    const want = desired({
      functions: new Map([['cart', 'aa']]),
      volumes: new Set(['notes']),
      networks: new Map([['db', { postgres: '10.0.0.5:5432' }]]),
    });
    expect(lines(want, observed())).toEqual([
      '+ volume notes',
      '+ network db',
      '+ endpoint postgres of network db: 10.0.0.5:5432',
      '+ function cart',
    ]);
  });

  it('is empty where all is as the folder says', () => {
    const want = desired({
      functions: new Map([['cart', 'aa']]),
      volumes: new Set(['notes']),
      networks: new Map([['db', { postgres: '10.0.0.5:5432' }]]),
    });
    const there = observed({
      stack: { functions: { cart: applied('aa', 4) }, networks: ['db'] },
      functions: new Map([['cart', 4]]),
      volumes: new Set(['notes', 'other']),
      networks: new Map([['db', { postgres: '10.0.0.5:5432' }]]),
    });
    expect(lines(want, there)).toEqual([]);
  });

  it.each([
    ['its package has changed', { functions: { cart: applied('bb') }, networks: [] }, 1],
    ['version 2 is live', { functions: { cart: applied('aa') }, networks: [] }, 2],
    ['was not made by this stack', undefined, 1],
  ])('changes a function, for %s', (why, stack, live) => {
    const want = desired({ functions: new Map([['cart', 'aa']]) });
    const there = observed({ stack, functions: new Map([['cart', live]]) });
    expect(lines(want, there)).toEqual([expect.stringContaining(`~ function cart  (${why}`)]);
  });

  it('removes what the stack has made, functions before networks, and nothing else', () => {
    const there = observed({
      stack: { functions: { cart: applied('aa') }, networks: ['db'] },
      functions: new Map([
        ['cart', 1],
        ['of-someone-else', 1],
      ]),
      volumes: new Set(['notes']),
      networks: new Map([
        ['db', {}],
        ['theirs', { redis: '10.0.0.6:6379' }],
      ]),
    });
    expect(lines(desired(), there)).toEqual(['- function cart', '- network db']);
    const want = desired({ networks: new Map([['theirs', {}]]) });
    expect(lines(want, there)).not.toContain('- endpoint redis of network theirs');
  });
});
