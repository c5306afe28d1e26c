import type { FastifyInstance, FastifyReply } from 'fastify';

/** Bytes that a reader may be behind; one slower than that is cut off, and resumes where it was. */
const behindLimitBytes = 1024 * 1024;

/** A sign of life for proxies, and for us: a peer that is gone is found out by writing. */
const heartbeatMs = 15_000;

/** One open answer of server-sent events (HTML standard, section 9.2). */
export interface EventStream {
  /** Aborts when the reader is gone, or was too slow. */
  readonly ended: AbortSignal;
  send(event: { readonly id?: string; readonly event?: string; readonly data: unknown }): void;
  /** The end of the answer. Idempotent. */
  close(): void;
}

/** Opens answers of server-sent events, and closes those that are open when the server stops. */
export class EventStreams {
  readonly #open = new Set<EventStream>();

  constructor(app: FastifyInstance) {
    app.addHook('preClose', async () => {
      for (const stream of this.#open) stream.close();
    });
  }

  /** Takes the answer over from the router. It lasts until either side ends it. */
  open(reply: FastifyReply): EventStream {
    const stream = eventStream(reply);
    this.#open.add(stream);
    stream.ended.addEventListener('abort', () => this.#open.delete(stream), { once: true });
    return stream;
  }
}

function eventStream(reply: FastifyReply): EventStream {
  reply.hijack();
  const response = reply.raw;
  const ended = new AbortController();
  const write = (text: string) => {
    if (ended.signal.aborted) return;
    response.write(text);
    if (response.writableLength > behindLimitBytes) response.destroy();
  };
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no', // nginx would hold events back
  });
  write(comment);
  const heartbeat = setInterval(() => write(comment), heartbeatMs);
  const end = () => {
    clearInterval(heartbeat);
    ended.abort();
  };
  response.once('close', end);
  return {
    ended: ended.signal,
    send: ({ id, event, data }) => {
      const head = `${id === undefined ? '' : `id: ${id}\n`}${event ? `event: ${event}\n` : ''}`;
      write(`${head}data: ${JSON.stringify(data)}\n\n`);
    },
    close: () => {
      end();
      response.end();
    },
  };
}

/** Ignored by readers. */
const comment = ':\n\n';
