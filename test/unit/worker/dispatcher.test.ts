import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { HostError } from '../../../src/domain/errors.ts';
import type { ImageProvider } from '../../../src/domain/image.ts';
import type {
  BodyStream,
  InvocationOutcome,
  InvocationRequest,
  ResponseHead,
} from '../../../src/domain/invocation.ts';
import type { LaneItem } from '../../../src/domain/lane.ts';
import type { LeaseResult } from '../../../src/domain/pool.ts';
import type { ReplyStream, StartInfo } from '../../../src/domain/reply.ts';
import type { ResponseListener, RunningInvocation } from '../../../src/domain/sandbox.ts';
import { Dispatcher } from '../../../src/worker/dispatcher.ts';
import { InvocationRunner } from '../../../src/worker/invocation-runner.ts';
import { VersionCache } from '../../../src/worker/version-cache.ts';
import { FakeSandbox, fakeSpec } from '../../support/fake-sandbox.ts';
import { preparedImage } from '../../support/function-records.ts';

const version = `sha256:${'a'.repeat(64)}` as const;
const images: ImageProvider = {
  prepare: async (digest) => ({
    ...preparedImage(digest),
    labels: { 'dev.hearth.function': JSON.stringify(fakeSpec()) },
  }),
};

/** What the gateway was told, and the ways in which it can interfere. */
class FakeReply implements ReplyStream {
  readonly told: unknown[] = [];
  readonly ended = Promise.withResolvers<{
    result: InvocationOutcome | HostError;
    info: StartInfo;
  }>();
  readonly leaving = new AbortController();
  readonly cancelled = this.leaving.signal;
  grant: (bytes: number) => void = () => {};
  body: BodyStream = pieces('fet', 'ched');
  openBody = () => this.body;

  head(head: ResponseHead): void {
    this.told.push(head.status);
  }
  chunk(bytes: Uint8Array): void {
    this.told.push(Buffer.from(bytes).toString());
  }
  end(result: InvocationOutcome | HostError, info: StartInfo): void {
    this.ended.resolve({ result, info });
  }
  onGrant(listener: (bytes: number) => void): void {
    this.grant = listener;
  }
}

/** A sandbox that does what the test says with each invocation. */
class ScriptedSandbox extends FakeSandbox {
  stream: BodyStream | undefined;
  readonly run: (listener: ResponseListener, body: string) => Partial<RunningInvocation>;

  constructor(run: ScriptedSandbox['run']) {
    super('scripted', 1);
    this.run = run;
  }

  override invoke(...args: unknown[]): RunningInvocation {
    const [request, listener] = args as [InvocationRequest, ResponseListener];
    this.stream = request.stream;
    return {
      outcome: Promise.resolve({ kind: 'ok' }),
      grant: () => {},
      cancel: () => {},
      ...this.run(listener, Buffer.from(request.body).toString()),
    };
  }
}

let reply: FakeReply;
let released: number;
const facts = { publish: vi.fn<(type: string, data: unknown) => void>() };
const logs = { append: vi.fn<(entry: object) => void>() };
const log = vi.fn<(fields: object, message: string) => void>();

beforeEach(() => {
  vi.resetAllMocks();
  reply = new FakeReply();
  released = 0;
});

function lent(sandbox: FakeSandbox): Promise<LeaseResult> {
  const dispose = () => {
    released += 1;
  };
  const lease = {
    sandbox,
    start: 'cold',
    timings: { init: 1 },
    [Symbol.dispose]: dispose,
  } as const;
  return Promise.resolve({ lease });
}

function dispatch(
  lease: (signal: AbortSignal) => Promise<LeaseResult>,
  item: Partial<LaneItem> = {},
) {
  return dispatchBy(makeRunner(lease), item);
}

function makeRunner(lease: (signal: AbortSignal) => Promise<LeaseResult>): InvocationRunner {
  return new InvocationRunner({
    node: 'node-1',
    versions: new VersionCache(images),
    pool: { lease: (_version, _caller, signal) => lease(signal) },
    logs,
    facts,
    logger: { debug: log, info: log, warn: log, error: log },
  });
}

function dispatchBy(runner: InvocationRunner, item: Partial<LaneItem>) {
  const dispatcher = new Dispatcher({ runner, replies: { open: () => reply } });
  dispatcher.dispatch([
    {
      id: 'invocation-1',
      functionName: 'hello',
      version,
      head: { trigger: 'http', method: 'GET', url: '/', headers: [], sourceIp: '127.0.0.1' },
      body: Buffer.from('in'),
      acceptedMs: Date.now(),
      deadlineMs: Date.now() + 10_000,
      replyTo: 'unix:/gateway',
      ...item,
    },
  ]);
  return reply.ended.promise;
}

describe('the dispatcher', () => {
  test('lets the sandbox answer into the reply and gives it back before the end', async () => {
    const sandbox = new ScriptedSandbox((listener, body) => {
      listener.onLog({ timeMs: 1, stream: 'stdout', text: 'a line' });
      listener.onHead({ status: 201, headers: [] });
      listener.onChunk(Buffer.from(`answer to ${body}`));
      return {};
    });
    const { result, info } = await dispatch(() => lent(sandbox));
    expect(result).toEqual({ kind: 'ok' });
    expect(reply.told).toEqual([201, 'answer to in']);
    expect(released).toBe(1);
    expect(info).toMatchObject({ node: 'node-1', start: 'cold', timings: { init: 1 } });
    expect(Object.keys(info.timings).toSorted()).toEqual(['init', 'lease', 'queue', 'run']);
    expect(logs.append).toHaveBeenCalledWith({
      timeMs: 1,
      stream: 'stdout',
      text: 'a line',
      functionName: 'hello',
      invocationId: 'invocation-1',
    });
  });

  test('hands a body that did not travel in the lane on as a stream', async () => {
    const sandbox = new ScriptedSandbox(() => ({}));
    sandbox.takesStreams = true;
    await dispatch(() => lent(sandbox), { body: undefined });
    expect(sandbox.stream).toBe(reply.body);
  });

  test('fetches it whole for a function that takes no streams', async () => {
    const sandbox = new ScriptedSandbox((listener, body) => {
      listener.onChunk(Buffer.from(body));
      return {};
    });
    await dispatch(() => lent(sandbox), { body: undefined });
    expect(reply.told).toEqual(['fetched']);
  });

  test('refuses one over the limit to a function that takes no streams', async () => {
    const piece = Buffer.alloc(1024 * 1024);
    reply.body = pieces(...Array<Buffer>(7).fill(piece));
    const { result } = await dispatch(() => lent(new ScriptedSandbox(() => ({}))), {
      body: undefined,
    });
    expect(result).toMatchObject({ code: 'too_large', reason: 'worker.body_too_large' });
    expect(released).toBe(1);
  });

  test('refuses one that is declared to be over the limit before any of it is sent', async () => {
    reply.body = pieces();
    const head = {
      trigger: 'http',
      method: 'POST',
      url: '/',
      headers: [['content-length', String(6 * 1024 * 1024 + 1)]],
      sourceIp: '127.0.0.1',
    } as const;
    const { result } = await dispatch(() => lent(new ScriptedSandbox(() => ({}))), {
      body: undefined,
      head,
    });
    expect(result).toMatchObject({ code: 'too_large' });
  });

  test('lets no sandbox wait for a body once it knows that the function takes no streams', async () => {
    const lease = vi.fn<() => Promise<LeaseResult>>(() => lent(new ScriptedSandbox(() => ({}))));
    const runner = makeRunner(lease);
    await dispatchBy(runner, { body: undefined });
    reply = new FakeReply();
    reply.body = endless();
    const item = { body: undefined, deadlineMs: Date.now() + 50 };
    const { result } = await dispatchBy(runner, item);
    expect(result).toEqual({ kind: 'timeout', phase: 'body' });
    expect(lease).toHaveBeenCalledOnce();
  });

  test('passes grants on', async () => {
    const grant = vi.fn<(bytes: number) => void>();
    const outcome = Promise.withResolvers<InvocationOutcome>();
    const started = Promise.withResolvers<void>();
    const sandbox = new ScriptedSandbox(() => {
      started.resolve();
      return { grant, outcome: outcome.promise };
    });
    const ended = dispatch(() => lent(sandbox));
    await started.promise;
    reply.grant(1000);
    expect(grant).toHaveBeenCalledWith(1000);
    outcome.resolve({ kind: 'ok' });
    await ended;
  });

  test('cancels what runs when the caller leaves', async () => {
    const sandbox = new ScriptedSandbox(() => {
      const { promise, resolve } = Promise.withResolvers<InvocationOutcome>();
      queueMicrotask(() => reply.leaving.abort());
      return { outcome: promise, cancel: () => resolve({ kind: 'cancelled' }) };
    });
    expect((await dispatch(() => lent(sandbox))).result).toEqual({ kind: 'cancelled' });
    expect(released).toBe(1);
  });

  test('stops waiting for a sandbox when the caller leaves', async () => {
    const ended = dispatch((signal) => rejectedBy(signal));
    reply.leaving.abort();
    expect((await ended).result).toEqual({ kind: 'cancelled' });
  });

  test('stops waiting for a sandbox at the deadline', async () => {
    const ended = dispatch((signal) => rejectedBy(signal), { deadlineMs: Date.now() + 20 });
    expect((await ended).result).toEqual({ kind: 'timeout', phase: 'lease' });
  });

  test('does not begin what is too late already', async () => {
    const { result } = await dispatch(
      () => {
        throw new Error('asked for a sandbox');
      },
      { deadlineMs: Date.now() - 1 },
    );
    expect(result).toEqual({ kind: 'timeout', phase: 'queue' });
  });

  test('tells how a function failed to load', async () => {
    const failure: InvocationOutcome = { kind: 'crashed', exitCode: 1 };
    const { result, info } = await dispatch(async () => ({ failure, timings: { init: 7 } }));
    expect(result).toEqual(failure);
    expect(info.timings.init).toBe(7);
    expect(facts.publish).toHaveBeenCalledWith(
      'invocation.completed',
      expect.objectContaining({ outcome: 'crashed' }),
    );
  });

  test("tells the host's own failure, and logs what only the operator may see", async () => {
    const { result } = await dispatch(() => Promise.reject(new Error('secret path')));
    expect(result).toMatchObject({ code: 'internal' });
    expect((result as HostError).message).not.toContain('secret');
    expect(log).toHaveBeenCalledWith(
      { invocationId: 'invocation-1', error: expect.any(Error) as unknown },
      expect.any(String),
    );
  });
});

function rejectedBy(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(new Error('aborted'));
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort);
  return promise;
}

async function* pieces(...list: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const piece of list) yield Buffer.from(piece);
}

async function* endless(): AsyncGenerator<Uint8Array> {
  yield await new Promise<never>(() => {});
}
