import { expect, test } from 'vitest';
import type { Fact } from '../../../src/domain/facts.ts';
import type { Action } from '../../../src/domain/principal.ts';
import { isVisibleTo } from '../../../src/gateway/event-filter.ts';

const removed = (functionName: string): Fact => ({
  type: 'function.removed',
  timeMs: 0,
  data: { functionName },
});
const leftovers: Fact = {
  type: 'sandbox.leftovers_removed',
  timeMs: 0,
  data: { cgroups: 1, processes: 1 },
};
const audit: Fact = {
  type: 'audit.request',
  timeMs: 0,
  data: { requestId: '', keyId: '', sourceIp: '', method: '', path: '', status: 200 },
};
const key = (action: Action, pattern: string) => ({ id: 'k', scopes: [{ action, pattern }] });

test.each([
  ['of a function to its reader', removed('shop-a'), key('read', 'shop-*'), true],
  ['of another function to nobody else', removed('other'), key('read', 'shop-*'), false],
  ['of the host to who may read all of it', leftovers, key('read', '*'), true],
  ['of the host not to readers of a part', leftovers, key('read', 'shop-*'), false],
  ['of the audit to administrators', audit, key('admin', '*'), true],
  ['of the audit not to readers', audit, key('read', '*'), false],
])('a fact %s', (_what, fact, principal, isVisible) => {
  expect(isVisibleTo(principal, fact)).toBe(isVisible);
});
