import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { RunningInvocations } from '../../../src/containers/running-invocations.ts';
import type { BodyStream, InvocationRequest } from '../../../src/domain/invocation.ts';
import type { ResponseListener } from '../../../src/domain/sandbox.ts';
import type { SandboxChannel } from '../../../src/domain/sandbox-channel.ts';

const timeoutMs = 1_000;
const idleTimeoutMs = 300;
const nobody: ResponseListener = { onHead: () => {}, onChunk: () => {}, onLog: () => {} };
const onStopped = vi.fn<(reason: 'timeout' | 'cancelled') => void>();
const close = vi.fn<() => void>();

beforeEach(() => {
  vi.resetAllMocks();
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

async function* sentBody() {
  yield Buffer.from('in');
}

/** An invocation, and what the channel was given for it. */
function begin(upgrade?: string, stream?: BodyStream) {
  const given: { request?: InvocationRequest; listener?: ResponseListener } = {};
  const channel = {
    invoke: (request: InvocationRequest, listener: ResponseListener) => {
      Object.assign(given, { request, listener });
      return { grant: () => {}, close };
    },
  } as unknown as SandboxChannel;
  const request: InvocationRequest = {
    id: '00000000-0000-4000-8000-000000000000',
    functionName: 'hello',
    version: 'sha256:1',
    head: {
      trigger: 'http',
      method: 'GET',
      url: '/',
      headers: [],
      sourceIp: '127.0.0.1',
      ...(upgrade === undefined ? {} : { upgrade }),
    },
    body: Buffer.alloc(0),
    ...(stream ? { stream } : {}),
    deadlineMs: Date.now() + timeoutMs,
    idleTimeoutMs,
  };
  const running = new RunningInvocations({ onStopped, onIdle: () => {} });
  const begun = running.begin(channel, request, nobody);
  return { running, begun, outcome: begun.outcome, given };
}

describe('what runs in a sandbox', () => {
  test('ends at its deadline, whatever it has answered by then', async () => {
    const { outcome, given } = begin();
    given.listener?.onHead({ status: 200, headers: [] });
    for (let ms = 0; ms < timeoutMs; ms += 100) {
      given.listener?.onChunk(Buffer.from('more'));
      vi.advanceTimersByTime(100);
    }
    expect(await outcome).toEqual({ kind: 'timeout', phase: 'run' });
    expect(onStopped).toHaveBeenCalledWith('timeout');
  });

  test('ends at its deadline where it is to change the protocol and has not', async () => {
    const { outcome } = begin('websocket');
    vi.advanceTimersByTime(timeoutMs);
    expect(await outcome).toEqual({ kind: 'timeout', phase: 'run' });
  });

  test('lasts on another protocol for as long as something moves, either way', async () => {
    const { running, outcome, given } = begin('websocket', sentBody());
    given.listener?.onHead({ status: 101, headers: [] });
    vi.advanceTimersByTime(idleTimeoutMs - 1);
    given.listener?.onChunk(Buffer.from('out'));
    vi.advanceTimersByTime(idleTimeoutMs - 1);
    for await (const _ of given.request?.stream ?? []);
    vi.advanceTimersByTime(idleTimeoutMs - 1);
    expect(running.size).toBe(1);
    vi.advanceTimersByTime(1);
    expect(await outcome).toEqual({ kind: 'timeout', phase: 'idle' });
    expect(close).toHaveBeenCalledOnce();
    expect(onStopped).not.toHaveBeenCalled(); // the sandbox serves on
  });

  test('may think for longer than a stream may stand still, before it answers', async () => {
    const { running, given } = begin(undefined, sentBody());
    vi.advanceTimersByTime(idleTimeoutMs - 1);
    for await (const _ of given.request?.stream ?? []);
    vi.advanceTimersByTime(2 * idleTimeoutMs);
    expect(running.size).toBe(1);
  });

  test('ends when its answer stands still, and is not to be met by others', async () => {
    const { running, begun, outcome, given } = begin();
    given.listener?.onHead({ status: 200, headers: [] });
    vi.advanceTimersByTime(idleTimeoutMs - 1);
    given.listener?.onChunk(Buffer.from('out'));
    vi.advanceTimersByTime(idleTimeoutMs - 1);
    begun.grant(1); // the caller took some
    vi.advanceTimersByTime(idleTimeoutMs - 1);
    expect(running.size).toBe(1);
    vi.advanceTimersByTime(1);
    expect(await outcome).toEqual({ kind: 'timeout', phase: 'idle' });
    expect(onStopped).toHaveBeenCalledWith('cancelled');
  });

  test('ends when the body that it is sent stands still', async () => {
    const { outcome } = begin(undefined, sentBody());
    vi.advanceTimersByTime(idleTimeoutMs);
    expect(await outcome).toEqual({ kind: 'timeout', phase: 'idle' });
  });

  test('passes on at once that no more of a body is wanted, though none has come', async () => {
    const stopped = vi.fn<() => Promise<IteratorReturnResult<undefined>>>(async () => ({
      done: true,
      value: undefined,
    }));
    const silent = { next: () => new Promise<never>(() => {}), return: stopped };
    const { given } = begin(undefined, { [Symbol.asyncIterator]: () => silent });
    const pieces = given.request?.stream?.[Symbol.asyncIterator]();
    void pieces?.next();
    await pieces?.return?.();
    expect(stopped).toHaveBeenCalledOnce();
  });
});
