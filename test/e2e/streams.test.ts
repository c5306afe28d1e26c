import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { request, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { SandboxView } from '../../src/domain/sandbox-view.ts';
import { makeImageArchive } from '../support/image-archives.ts';
import { deployInline } from '../support/inline-function.ts';
import { startHost, type RunningHost } from '../support/running-host.ts';

const mib = 1024 * 1024;
const open = { triggers: { http: { auth: 'none' } } };

const fetchFunction = `export default { async fetch(request) {
  const { pathname, searchParams } = new URL(request.url);
  if (pathname === '/echo') return new Response(request.body);
  if (pathname === '/refuse') return new Response('no, thanks', { status: 403 });
  if (pathname === '/give') {
    let left = Number(searchParams.get('bytes'));
    return new Response(new ReadableStream({ pull(controller) {
      const piece = new Uint8Array(Math.min(left, 64 * 1024)).fill(120);
      left -= piece.length;
      if (piece.length > 0) controller.enqueue(piece);
      if (left <= 0) controller.close();
    } }, { highWaterMark: 0 }));
  }
  let bytes = 0;
  for await (const piece of request.body ?? []) bytes += piece.length;
  return new Response(bytes + ' bytes');
} }`;

let host: RunningHost;
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hearth-streams-'));
  host = await startHost();
  await deployInline(host, 'node', fetchFunction, open);
  await deployInline(host, 'bun', fetchFunction, { ...open, runtime: 'bun1' });
  const lambda = `export const handler = async ({ body }) => ({ statusCode: 200,
    body: Buffer.from(body ?? '', 'base64').length + ' bytes' })`;
  await deployInline(host, 'lambda', lambda, open);
  const silent = `export default { async fetch(request) {
    if (request.body) { for await (const piece of request.body); return new Response('got it'); }
    const said = new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from('one')) });
    return new Response(said);
  } }`;
  await deployInline(host, 'silent', silent, { ...open, idleTimeout: '1s' });
  const archive = makeImageArchive(dir, 'image', {
    from: `oci:${host.dataDir}/images:hearth/node24`,
    files: {
      '/app/server.mjs': fileURLToPath(new URL('images/streams.mjs', import.meta.url)),
    },
    config: ['config.entrypoint=/usr/bin/node', 'config.entrypoint=/app/server.mjs'],
    format: 'docker-archive',
  });
  const config = { name: 'image', runtime: 'image', image: basename(archive), ...open };
  await writeFile(join(dir, 'hearth.json'), JSON.stringify(config));
  const { exitCode, stderr } = await host.hearth('deploy', dir);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
});
afterAll(async () => {
  await host?.[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

/** A request whose body the test sends. */
function begin(path: string, headers = {}) {
  const sent = request(`${host.url}/fn${path}`, { method: 'POST', headers, agent: false });
  sent.on('error', () => {});
  sent.flushHeaders();
  const response = once(sent, 'response') as Promise<[IncomingMessage]>;
  response.catch(() => {});
  return { sent, answer: () => response.then(([first]) => first) };
}

/** So many bytes, made while they are sent. */
function made(bytes: number): Readable {
  const piece = Buffer.alloc(64 * 1024, 'x');
  return Readable.from(
    (function* () {
      for (let left = bytes; left > 0; left -= piece.length) yield piece.subarray(0, left);
    })(),
  );
}

async function upload(path: string, bytes: number): Promise<IncomingMessage> {
  const { sent, answer } = begin(path);
  made(bytes).pipe(sent);
  return await answer();
}

describe.each(['node', 'bun', 'image'])('a function that reads streams: %s', (name) => {
  test('gets a body of any length while it is sent', async () => {
    const response = await upload(`/${name}/count`, 64 * mib);
    expect(response.statusCode).toBe(200);
    expect(await text(response)).toBe(`${64 * mib} bytes`);
  });

  test('gets a body over 6 MiB whose length is known', async () => {
    const body = Buffer.alloc(7 * mib);
    const response = await host.fetch(`/fn/${name}/count`, { method: 'POST', body });
    expect(await response.text()).toBe(`${7 * mib} bytes`);
  });

  test('answers while the body is still sent', async () => {
    const { sent, answer } = begin(`/${name}/echo`);
    sent.write('one');
    const response = await answer();
    const pieces = response[Symbol.asyncIterator]();
    expect(String((await pieces.next()).value)).toBe('one');
    sent.end('two');
    expect(String((await pieces.next()).value)).toBe('two');
    expect((await pieces.next()).done).toBe(true);
  });

  test('may answer without having read it', async () => {
    const response = await upload(`/${name}/refuse`, 2 * mib);
    expect(response.statusCode).toBe(403);
    expect(await text(response)).toBe('no, thanks');
  });

  test('serves others when a caller has left in the middle', async () => {
    const { sent } = begin(`/${name}/count`);
    sent.write('half');
    await new Promise((resolve) => sent.write('!', resolve));
    sent.destroy();
    expect(await text(await upload(`/${name}/count`, 1000))).toBe('1000 bytes');
  });

  test('answers with more than anyone holds', async () => {
    const response = await host.fetch(`/fn/${name}/give?bytes=${64 * mib}`);
    let bytes = 0;
    for await (const piece of response.body ?? []) bytes += piece.length;
    expect(bytes).toBe(64 * mib);
  });
});

describe('a stream on which nothing moves', () => {
  test('ends with timeout.idle where the request stands still', async () => {
    const { sent, answer } = begin('/silent');
    sent.write('half');
    const response = await answer();
    expect(response.statusCode).toBe(504);
    expect(response.headers['x-hearth-error']).toBe('timeout.idle');
    sent.destroy();
  });

  test('breaks off where the answer does, and its log says why', async () => {
    const response = await host.fetch('/fn/silent');
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow();
    await vi.waitFor(async () => {
      const { stdout } = await host.hearth('logs', 'silent');
      expect(stdout).toContain('timed out (phase: idle)');
    }, 20_000);
  });
});

test('no process of the host holds what streams through it, either way', async () => {
  const bytes = 256 * mib; // twice what the sandbox may have
  const processes = await processesBelow(host.process.pid ?? 0);
  const before = await Promise.all(processes.map(peakBytes));
  expect(await text(await upload('/node/count', bytes))).toBe(`${bytes} bytes`);
  const response = await host.fetch(`/fn/node/give?bytes=${bytes}`);
  for await (const _ of response.body ?? []);
  const after = await Promise.all(processes.map(peakBytes));
  const grown = after.map((peak, i) => peak - (before[i] ?? 0));
  expect(Math.max(...grown)).toBeLessThan(bytes / 2); // what is not collected yet
});

/** It and its descendants. */
async function processesBelow(pid: number): Promise<readonly number[]> {
  const threads = await readdir(`/proc/${pid}/task`);
  const lists = await Promise.all(
    threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/children`, 'utf8')),
  );
  const children = lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number));
  return [pid, ...(await Promise.all(children.map(processesBelow))).flat()];
}

async function peakBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
}

describe('a server on $PORT', () => {
  test('answers HEAD as it would GET, without the body', async () => {
    const [got, head] = await Promise.all(
      ['GET', 'HEAD'].map((method) => host.fetch('/fn/image/text', { method })),
    );
    const said = ({ status, headers }: Response) =>
      [status, headers.get('content-length'), headers.get('etag')] as const;
    expect(said(head!)).toEqual([200, '12', '"1"']);
    expect(said(head!)).toEqual(said(got!));
    expect(await head!.text()).toBe('');
    expect(await got!.text()).toBe('twelve bytes');
  });

  test('answers OPTIONS itself', async () => {
    const origin = 'https://shop.example';
    const headers = { origin, 'access-control-request-method': 'GET' };
    for (const asked of [{}, headers]) {
      const answer = await host.fetch('/fn/image/text', { method: 'OPTIONS', headers: asked });
      expect(answer.status).toBe(204);
      expect(answer.headers.get('allow')).toBe('GET, HEAD, OPTIONS');
    }
  });
});

describe('a connection that changes its protocol', () => {
  const address = () => `${host.url.replace('http', 'ws')}/fn/image/socket`;
  const first = (socket: WebSocket, event: 'open' | 'message' | 'close') =>
    new Promise<MessageEvent & CloseEvent>((resolve, reject) => {
      socket.addEventListener(event, (heard) => resolve(heard as MessageEvent & CloseEvent));
      socket.addEventListener('error', () => reject(new Error('the connection failed')));
    });

  test('is a WebSocket of the function, until the function closes it', async () => {
    const socket = new WebSocket(address());
    await first(socket, 'open');
    for (const text of ['one', 'two']) {
      const heard = first(socket, 'message');
      socket.send(text);
      expect((await heard).data).toBe(text);
    }
    const closed = first(socket, 'close');
    socket.send('bye');
    expect((await closed).code).toBe(1000);
  });

  test('ends for the function when its caller closes it, and is a whole invocation', async () => {
    const socket = new WebSocket(address());
    await first(socket, 'open');
    const closed = first(socket, 'close');
    socket.close();
    expect((await closed).wasClean).toBe(true);
    await vi.waitFor(async () => {
      const response = await host.fetchWithKey('/v1/sandboxes');
      const { sandboxes } = (await response.json()) as { sandboxes: SandboxView[] };
      const ones = sandboxes.filter(({ functionName }) => functionName === 'image');
      expect(ones.map(({ running }) => running)).toEqual(ones.map(() => 0));
    }, 20_000);
  });

  test('carries any bytes both ways, more than anyone holds', async () => {
    const sent = request(`${host.url}/fn/image/`, {
      headers: { connection: 'upgrade', upgrade: 'raw' },
      agent: false,
    });
    sent.end();
    const [response, socket] = (await once(sent, 'upgrade')) as [IncomingMessage, Socket];
    expect(response.statusCode).toBe(101);
    expect(response.headers).toMatchObject({ upgrade: 'raw', connection: 'upgrade' });
    made(32 * mib).pipe(socket);
    let bytes = 0;
    for await (const piece of socket as AsyncIterable<Buffer>) bytes += piece.length;
    expect(bytes).toBe(32 * mib);
  });

  test('stays HTTP where the function refuses it, or has no server of its own', async () => {
    const headers = { connection: 'upgrade', upgrade: 'refused' };
    for (const [name, status] of [
      ['image', 403],
      ['node', 200],
    ] as const) {
      const sent = request(`${host.url}/fn/${name}/`, { headers, agent: false });
      sent.end();
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      expect(response.statusCode).toBe(status);
      response.resume();
    }
  });
});

describe('a handler in the way of AWS Lambda', () => {
  test('gets a body whose length nobody declared', async () => {
    expect(await text(await upload('/lambda', mib))).toBe(`${mib} bytes`);
  });

  test.each(['declared', 'not declared'])('gets none over 6 MiB: %s', async (how) => {
    const bytes = 6 * mib + 1;
    const { sent, answer } = begin(
      '/lambda',
      how === 'declared' ? { 'content-length': bytes } : {},
    );
    made(bytes).pipe(sent);
    const response = await answer();
    expect(response.statusCode).toBe(413);
    expect(JSON.parse(await text(response))).toMatchObject({ code: 'too_large' });
  });
});
