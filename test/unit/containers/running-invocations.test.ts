import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { RunningInvocations } from '../../../src/containers/running-invocations.ts';
import type { BodyStream, InvocationRequest } from '../../../src/domain/invocation.ts';
import { connectionIdleLimitMs } from '../../../src/domain/limits.ts';
import type { ResponseListener } from '../../../src/domain/sandbox.ts';
import type { SandboxChannel } from '../../../src/domain/sandbox-channel.ts';

const timeoutMs = 1_000;
const nobody: ResponseListener = { onHead: () => {}, onChunk: () => {}, onLog: () => {} };
const onStopped = vi.fn<(reason: 'timeout' | 'cancelled') => void>();
const close = vi.fn<() => void>();

beforeEach(() => {
  vi.resetAllMocks();
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

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
  };
  const running = new RunningInvocations({ onStopped, onIdle: () => {} });
  const { outcome } = running.begin(channel, request, nobody);
  return { running, outcome, given };
}

describe('what runs in a sandbox', () => {
  test('ends at its deadline, whatever it has answered by then', async () => {
    const { outcome, given } = begin();
    given.listener?.onHead({ status: 200, headers: [] });
    vi.advanceTimersByTime(timeoutMs);
    expect(await outcome).toEqual({ kind: 'timeout', phase: 'run' });
    expect(onStopped).toHaveBeenCalledWith('timeout');
  });

  test('ends at its deadline where it is to change the protocol and has not', async () => {
    const { outcome } = begin('websocket');
    vi.advanceTimersByTime(timeoutMs);
    expect(await outcome).toEqual({ kind: 'timeout', phase: 'run' });
  });

  test('lasts on another protocol for as long as something moves, either way', async () => {
    async function* pieces() {
      yield Buffer.from('in');
    }
    const { running, outcome, given } = begin('websocket', pieces());
    given.listener?.onHead({ status: 101, headers: [] });
    vi.advanceTimersByTime(connectionIdleLimitMs - 1);
    given.listener?.onChunk(Buffer.from('out'));
    vi.advanceTimersByTime(connectionIdleLimitMs - 1);
    for await (const _ of given.request?.stream ?? []);
    vi.advanceTimersByTime(connectionIdleLimitMs - 1);
    expect(running.size).toBe(1);
    vi.advanceTimersByTime(1);
    expect(await outcome).toEqual({ kind: 'timeout', phase: 'idle' });
    expect(close).toHaveBeenCalledOnce();
    expect(onStopped).not.toHaveBeenCalled(); // the sandbox serves on
  });
});
