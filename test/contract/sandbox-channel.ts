import { describe, expect, test, vi } from 'vitest';
import type { BodyStream, FunctionError, ResponseHead } from '../../src/domain/invocation.ts';
import type { SandboxChannel } from '../../src/domain/sandbox-channel.ts';

/** What the other end of a channel does, as a function's process would. */
export interface ChannelPeer {
  /** Tells the host that the function is loaded. */
  beReady(): Promise<void>;
  /** Takes the next invocation. */
  take(): Promise<TakenInvocation>;
}

export interface TakenInvocation {
  /** The whole body, or '' where it is streamed. */
  readonly body: string;
  /** What comes of a streamed body, as fast as it is read. */
  readonly pieces: AsyncIterable<Uint8Array>;
  /** A whole answer: 200 with this text. */
  answer(text: string): Promise<void>;
  /** Begins a streamed answer. `write` resolves when the bytes have left, which may take grants. */
  stream(): Promise<AnswerStream>;
}

export interface AnswerStream {
  write(bytes: Uint8Array): Promise<void>;
  end(): Promise<void>;
  /** The stream fails on its way. */
  fail(): Promise<void>;
}

export interface OpenedChannel {
  readonly channel: SandboxChannel;
  readonly peer: ChannelPeer;
  /** What the channel reported, in order. */
  readonly events: readonly string[];
  close(): Promise<void>;
}

const window = 256 * 1024;
const init = {
  entry: '/var/task/index.mjs',
  env: {},
  functionName: 'tested',
  version: 'sha256:1',
  memoryBytes: 128 * 1024 ** 2,
  timeoutMs: 30_000,
  concurrency: 10,
};

let ids = 0;

/** Starts an invocation and keeps what the channel says of it. */
export function start(
  channel: SandboxChannel,
  body: string,
  stream?: BodyStream,
  upgrade?: string,
) {
  ids += 1;
  const heads: ResponseHead[] = [];
  const chunks: Uint8Array[] = [];
  const lines: string[] = [];
  const settled = Promise.withResolvers<FunctionError | undefined>();
  let settlements = 0;
  const invocation = channel.invoke(
    {
      id: `00000000-0000-4000-8000-${String(ids).padStart(12, '0')}`,
      functionName: 'tested',
      version: `sha256:${'1'.repeat(64)}`,
      head: {
        trigger: 'http',
        method: 'POST',
        url: '/path?query=1',
        headers: [
          ['host', 'fn.example'],
          ['content-type', 'text/plain'],
        ],
        sourceIp: '192.0.2.1',
        ...(upgrade === undefined ? {} : { upgrade }),
      },
      body: Buffer.from(body),
      ...(stream ? { stream } : {}),
      deadlineMs: Date.now() + 30_000,
      idleTimeoutMs: 300_000,
    },
    {
      onHead: (head) => heads.push(head),
      onChunk: (bytes) => chunks.push(bytes),
      onLog: ({ text }) => lines.push(text),
    },
    (error) => {
      settlements += 1;
      settled.resolve(error);
    },
  );
  return {
    invocation,
    lines,
    heads,
    settled: settled.promise,
    settlements: () => settlements,
    bytes: () => chunks.reduce((sum, { length }) => sum + length, 0),
    text: () => Buffer.concat(chunks).toString(),
  };
}

/** What every kind of channel does. */
export function describeSandboxChannel(
  kind: string,
  open: () => Promise<OpenedChannel>,
  { takesStreams }: { readonly takesStreams: boolean },
): void {
  const ready = async () => {
    const opened = await open();
    const { channel, peer, events } = opened;
    await vi.waitFor(() => expect(events).toEqual(['hello']), 20_000);
    channel.init(init);
    await peer.beReady();
    await vi.waitFor(() => expect(events).toEqual(['hello', 'ready']), 20_000);
    return { ...opened, [Symbol.asyncDispose]: () => opened.close() };
  };

  describe(`the ${kind} channel`, () => {
    test('says hello, and is ready when the function is', async () => {
      await using _ = await ready();
    });

    test('takes an invocation there and its answer back', async () => {
      await using opened = await ready();
      const one = start(opened.channel, 'question');
      const taken = await opened.peer.take();
      expect(taken.body).toBe('question');
      await taken.answer('answer');
      expect(await one.settled).toBeUndefined();
      expect(one.heads).toMatchObject([{ status: 200 }]);
      expect(one.text()).toBe('answer');
      expect(one.settlements()).toBe(1);
    });

    test('serves several at once, whichever ends first', async () => {
      await using opened = await ready();
      const first = start(opened.channel, 'first');
      const second = start(opened.channel, 'second');
      const taken = [await opened.peer.take(), await opened.peer.take()];
      for (const one of taken.toReversed()) await one.answer(`answer to ${one.body}`);
      await Promise.all([first.settled, second.settled]);
      expect(first.text()).toBe('answer to first');
      expect(second.text()).toBe('answer to second');
    });

    test('serves one after the other', async () => {
      await using opened = await ready();
      for (const name of ['a', 'b', 'c']) {
        const one = start(opened.channel, name);
        await (await opened.peer.take()).answer(name);
        await one.settled;
        expect(one.text()).toBe(name);
      }
    });

    test('lets a stream be no more than was granted ahead of who reads it', async () => {
      await using opened = await ready();
      const one = start(opened.channel, 'stream');
      const stream = await (await opened.peer.take()).stream();
      const total = 8 * 1024 * 1024; // more than the kernel's buffers hold
      const written = (async () => {
        for (let sent = 0; sent < total; sent += 64 * 1024)
          await stream.write(new Uint8Array(64 * 1024));
        await stream.end();
      })();
      await vi.waitFor(() => expect(one.bytes()).toBe(window), 20_000);
      const other = start(opened.channel, 'other'); // after it everything has had its time
      await (await opened.peer.take()).answer('');
      await other.settled;
      expect(one.bytes()).toBe(window);
      one.invocation.grant(1);
      await vi.waitFor(() => expect(one.bytes()).toBe(window + 1), 20_000);
      one.invocation.grant(total);
      await written;
      expect(await one.settled).toBeUndefined();
      expect(one.bytes()).toBe(total);
    });

    test('knows whether it takes streams', async () => {
      await using opened = await ready();
      expect(opened.channel.takesStreams).toBe(takesStreams);
    });

    if (takesStreams) {
      test('streams a body no faster than it is read', async () => {
        await using opened = await ready();
        const piece = Buffer.alloc(64 * 1024, 'x');
        const total = 256; // 16 MiB: more than the kernel's buffers hold
        let made = 0;
        async function* body() {
          for (; made < total; made += 1) yield piece;
        }
        const one = start(opened.channel, '', body());
        const taken = await opened.peer.take();
        const pieces = taken.pieces[Symbol.asyncIterator]();
        let bytes = (await pieces.next()).value?.length ?? 0;
        const other = start(opened.channel, 'other'); // after it everything has had its time
        await (await opened.peer.take()).answer('');
        await other.settled;
        expect(made).toBeLessThan(total - 16);
        for (;;) {
          const { done, value } = await pieces.next();
          if (done) break;
          bytes += value.length;
        }
        expect(bytes).toBe(total * piece.length);
        await taken.answer('all read');
        expect(await one.settled).toBeUndefined();
        expect(one.text()).toBe('all read');
      });

      test('takes an answer that comes before the body has ended', async () => {
        await using opened = await ready();
        async function* body() {
          yield Buffer.from('first');
          yield await new Promise<Buffer>(() => {});
        }
        const one = start(opened.channel, '', body());
        const taken = await opened.peer.take();
        await taken.pieces[Symbol.asyncIterator]().next();
        await taken.answer('early');
        expect(await one.settled).toBeUndefined();
        expect(one.text()).toBe('early');
      });
    }

    test('tells of a stream that fails on its way', async () => {
      await using opened = await ready();
      const one = start(opened.channel, 'stream');
      const stream = await (await opened.peer.take()).stream();
      await stream.write(Buffer.from('half'));
      await vi.waitFor(() => expect(one.text()).toBe('half'), 20_000);
      await stream.fail();
      expect(await one.settled).toMatchObject({ type: expect.any(String) as string });
    });

    test('knows whose output it is while only one is under way', async () => {
      await using opened = await ready();
      const { channel, peer } = opened;
      expect(channel.soleLog()).toBeUndefined();
      const first = start(channel, 'first');
      channel.soleLog()?.push('stdout', Buffer.from('of the first\n'));
      const second = start(channel, 'second');
      expect(channel.soleLog()).toBeUndefined();
      first.invocation.close();
      channel.soleLog()?.push('stderr', Buffer.from('of the second, without an end'));
      await peer.take();
      second.invocation.close();
      expect(first.lines).toEqual(['of the first']);
      expect(second.lines).toEqual(['of the second, without an end']);
    });

    test('keeps 1 MiB of output and says so', async () => {
      await using opened = await ready();
      const one = start(opened.channel, 'loud');
      const line = Buffer.from(`${'x'.repeat(1023)}\n`);
      for (let i = 0; i < 2000; i += 1) opened.channel.soleLog()?.push('stdout', line);
      expect(one.lines.length).toBeLessThanOrEqual(1026);
      expect(one.lines.at(-1)).toContain('output over 1048576 bytes is not kept');
    });

    test('serves on when one of several is given up, whatever still comes of that one', async () => {
      await using opened = await ready();
      const given = start(opened.channel, 'given up');
      const other = start(opened.channel, 'other');
      const taken = [await opened.peer.take(), await opened.peer.take()];
      given.invocation.close();
      for (const one of taken) await one.answer(`answer to ${one.body}`).catch(() => {});
      expect(await other.settled).toBeUndefined();
      expect(other.text()).toBe('answer to other');
      const next = start(opened.channel, 'next');
      await (await opened.peer.take()).answer('fine');
      await next.settled;
      expect(given.settlements()).toBe(0);
      expect(given.bytes()).toBe(0);
      expect(opened.events).toEqual(['hello', 'ready']);
    });

    test('says nothing more of an invocation that was closed, nor once it is closed itself', async () => {
      await using opened = await ready();
      const closed = start(opened.channel, 'closed');
      const taken = await opened.peer.take();
      closed.invocation.close();
      const left = start(opened.channel, 'left');
      opened.channel.close();
      opened.channel.close();
      await taken.answer('too late').catch(() => {});
      left.invocation.grant(1);
      left.invocation.close();
      expect([closed.settlements(), left.settlements()]).toEqual([0, 0]);
      expect(closed.bytes()).toBe(0);
      expect(opened.events).toEqual(['hello', 'ready']);
    });
  });
}
