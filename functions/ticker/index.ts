import { setTimeout as sleep } from 'node:timers/promises';

const ticksLimit = 1000;

/**
 * Counts down by server-sent events, each sent when its time has come:
 * `curl -N 'http://127.0.0.1:8080/fn/ticker?from=10&everyMs=1000'`.
 */
export default {
  fetch(request: Request): Response {
    const { searchParams } = new URL(request.url);
    const from = Math.min(Number(searchParams.get('from') ?? 3), ticksLimit);
    const everyMs = Number(searchParams.get('everyMs') ?? 1000);
    const events = ReadableStream.from(countdown(from, everyMs));
    return new Response(events.pipeThrough(new TextEncoderStream()), {
      headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
    });
  },
};

async function* countdown(from: number, everyMs: number): AsyncGenerator<string> {
  for (let left = from; left > 0; left -= 1) {
    yield `event: tick\ndata: {"left":${left}}\n\n`;
    await sleep(everyMs);
  }
  yield 'event: done\ndata: {}\n\n';
}
