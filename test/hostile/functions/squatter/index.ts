import { existsSync, readdirSync, writeFileSync } from 'node:fs';

let ticks = 0;
let timer: NodeJS.Timeout | undefined;

const ways: Record<string, () => Response | Promise<Response>> = {
  '/endless': () =>
    new Response(
      new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(64 * 1024)),
      }),
    ),
  '/never': () => new Promise<Response>(() => {}),
  '/exit': () => process.exit(0),
  '/abort': () => process.abort(),
  '/kill': () => {
    process.kill(process.pid, 'SIGKILL');
    return new Promise<Response>(() => {});
  },
  '/late-rejection': () => {
    setTimeout(() => void Promise.reject(new Error('too late')), 50);
    return new Response('answered');
  },
  '/ticking': () => {
    timer ??= setInterval(() => (ticks += 1), 1);
    return new Response('answered');
  },
  '/ticks': () => {
    clearInterval(timer);
    timer = undefined;
    return new Response(String(ticks));
  },
  '/keep': () => {
    writeFileSync('/tmp/kept', 'mine');
    return new Response('kept');
  },
  '/look': () =>
    Response.json({
      scratch: readdirSync('/tmp'),
      others: existsSync('/tmp/kept'),
      environment: Object.keys(process.env),
    }),
  '/long-headers': () => new Response('', { headers: { 'x-long': 'x'.repeat(1024 * 1024) } }),
  '/split-header': () => {
    const headers = [['x-a', 'b\r\nset-cookie: stolen=1\r\n\r\n<script>']] as const;
    return { status: 200, headers, body: null } as unknown as Response;
  },
};

export default {
  fetch(request: Request): Response | Promise<Response> {
    return ways[new URL(request.url).pathname]?.() ?? new Response('no such way', { status: 404 });
  },
};
