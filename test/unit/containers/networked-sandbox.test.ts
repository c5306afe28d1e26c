import { beforeEach, describe, expect, test, vi } from 'vitest';
import { NetworkedSandbox } from '../../../src/containers/networked-sandbox.ts';
import type { InvocationOutcome, InvocationRequest } from '../../../src/domain/invocation.ts';
import type { CallContext } from '../../../src/domain/network.ts';
import type { ResponseListener, Sandbox } from '../../../src/domain/sandbox.ts';

const traceparent = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`;
const request = {
  head: { headers: [['traceparent', traceparent]], callDepth: 3 },
} as unknown as InvocationRequest;
const listener = {} as ResponseListener;
let isOpen: boolean;
let ends: PromiseWithResolvers<InvocationOutcome>[];
let destroy: Sandbox['destroy'];
let inner: Sandbox;
let sandbox: NetworkedSandbox;
const network = {
  open: vi.fn<(context?: CallContext) => void>(),
  close: () => void (isOpen = false),
};

beforeEach(() => {
  isOpen = false;
  ends = [];
  destroy = vi.fn<Sandbox['destroy']>(async () => {});
  network.open.mockReset().mockImplementation(() => void (isOpen = true));
  inner = {
    id: 'one',
    memoryBytes: 1,
    takesStreams: false,
    destroyed: undefined,
    gone: new Promise(() => {}),
    wanted: new AbortController().signal,
    invoke: () => {
      expect(isOpen).toBe(true);
      const end = Promise.withResolvers<InvocationOutcome>();
      ends.push(end);
      return { outcome: end.promise, grant: () => {}, cancel: () => {} };
    },
    freeze: () => expect(isOpen).toBe(false),
    thaw: () => {},
    isTidy: () => true,
    tidy: async () => true,
    usage: () => ({ memoryBytes: 0, descriptors: 0 }),
    destroy: (reason) => destroy(reason),
  };
  sandbox = new NetworkedSandbox(inner, network, true);
});

async function end(index: number): Promise<void> {
  ends[index]?.resolve({ kind: 'ok' });
  await ends[index]?.promise;
}

describe('a sandbox with a network', () => {
  test('has it open from before an invocation until it has ended', async () => {
    sandbox.invoke(request, listener);
    expect(isOpen).toBe(true);
    await end(0);
    expect(isOpen).toBe(false);
  });

  test('says what it serves, for the calls that it makes meanwhile', () => {
    sandbox.invoke(request, listener);
    expect(network.open).toHaveBeenLastCalledWith({ depth: 3, traceparent });
    new NetworkedSandbox(inner, network, false).invoke(request, listener);
    expect(network.open).toHaveBeenLastCalledWith({ depth: 3 }); // it could serve others too
  });

  test('keeps it open for the last of several invocations', async () => {
    sandbox.invoke(request, listener);
    sandbox.invoke(request, listener);
    await end(0);
    expect(isOpen).toBe(true);
    await end(1);
    expect(isOpen).toBe(false);
  });

  test('has it closed when it is frozen or destroyed', async () => {
    network.open();
    sandbox.freeze();
    network.open();
    await sandbox.destroy('idle');
    expect(isOpen).toBe(false);
  });

  test('is destroyed when its network cannot be opened: it would serve without rules', async () => {
    network.open.mockImplementation(() => {
      throw new Error('the rules are lost');
    });
    const { outcome } = sandbox.invoke(request, listener);
    expect(await outcome).toEqual({ kind: 'crashed' });
    expect(destroy).toHaveBeenCalledWith('crashed');
  });
});
