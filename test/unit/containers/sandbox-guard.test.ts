import { beforeEach, describe, expect, test, vi } from 'vitest';
import { GuardedSandbox } from '../../../src/containers/sandbox-guard.ts';
import type { InvocationOutcome, InvocationRequest } from '../../../src/domain/invocation.ts';
import type { ResponseListener } from '../../../src/domain/sandbox.ts';
import { FakeSandbox } from '../../support/fake-sandbox.ts';

const request = {} as InvocationRequest;
const listener = {} as ResponseListener;

let inner: FakeSandbox;
let ends: PromiseWithResolvers<InvocationOutcome>;
let calls: string[];
let facts: string[];
let sandbox: GuardedSandbox;

beforeEach(() => {
  inner = new FakeSandbox('one', 1);
  ends = Promise.withResolvers();
  calls = [];
  facts = [];
  vi.spyOn(inner, 'freeze').mockImplementation(() => void calls.push('freeze'));
  vi.spyOn(inner, 'thaw').mockImplementation(() => void calls.push('thaw'));
  vi.spyOn(inner, 'invoke').mockImplementation(() => {
    calls.push('invoke');
    return { outcome: ends.promise, grant: () => {}, cancel: () => {} };
  });
  sandbox = new GuardedSandbox(inner, 'hello', { publish: (type) => void facts.push(type) });
});

describe('a guarded sandbox', () => {
  test('does not freeze while it serves', async () => {
    const { outcome } = sandbox.invoke(request, listener);
    sandbox.freeze();
    expect(calls).toEqual(['invoke']);
    ends.resolve({ kind: 'ok' });
    await outcome;
    sandbox.freeze();
    expect(calls).toEqual(['invoke', 'freeze']);
  });

  test('thaws before it serves', () => {
    sandbox.freeze();
    sandbox.invoke(request, listener);
    expect(calls).toEqual(['freeze', 'thaw', 'invoke']);
  });

  test('passes on no change that changes nothing', () => {
    sandbox.thaw();
    sandbox.freeze();
    sandbox.freeze();
    sandbox.thaw();
    sandbox.thaw();
    expect(calls).toEqual(['freeze', 'thaw']);
  });

  test('stays dead for the first reason, and nothing reaches it', async () => {
    await Promise.all([sandbox.destroy('timeout'), sandbox.destroy('shutdown')]);
    sandbox.freeze();
    sandbox.thaw();
    const { outcome } = sandbox.invoke(request, listener);
    expect(await outcome).toEqual({ kind: 'crashed' });
    expect(calls).toEqual([]);
    expect(sandbox.destroyed).toBe('timeout');
    expect(await sandbox.gone).toBe('timeout');
  });

  test('tells of each change once', () => {
    sandbox.freeze();
    sandbox.freeze();
    sandbox.thaw();
    sandbox.thaw();
    expect(facts).toEqual(['sandbox.frozen', 'sandbox.thawed']);
  });
});
