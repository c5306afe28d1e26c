import { once } from 'node:events';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Certificate } from '../../src/gateway/certificate.ts';
import { RunningGateway } from '../support/running-gateway.ts';

const soon = { timeout: 10_000, interval: 5 };

describe('a gateway with a certificate', () => {
  const pairs = fileURLToPath(new URL('../support/tls', import.meta.url));
  let dir: string;
  let files: { certFile: string; keyFile: string };
  const put = async (name: 'first' | 'second') => {
    await copyFile(join(pairs, `${name}.crt`), files.certFile);
    await copyFile(join(pairs, `${name}.key`), files.keyFile);
  };
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hearth-tls-'));
    files = { certFile: join(dir, 'crt.pem'), keyFile: join(dir, 'key.pem') };
    await put('first');
  });
  afterEach(() => rm(dir, { recursive: true }));

  async function open(gateway: RunningGateway, minVersion?: 'TLSv1.1'): Promise<TLSSocket> {
    const { hostname, port } = new URL(gateway.gateway.address);
    const old = minVersion
      ? { minVersion, maxVersion: minVersion, ciphers: 'ALL:@SECLEVEL=0' }
      : {};
    const socket = connectTls({
      host: hostname,
      port: Number(port),
      rejectUnauthorized: false,
      ...old,
    });
    await once(socket, 'secureConnect');
    return socket;
  }

  it('answers over TLS, and tells the function so', async () => {
    await using running = new RunningGateway(0, undefined, files);
    await running.gateway.start(AbortSignal.timeout(30_000));
    expect(running.gateway.address).toMatch(/^https:/);
    await running.addFunction('hello');
    const socket = await open(running);
    socket.write('GET /fn/hello HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n');
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 200 .*ok$/s);
    const headers = new Map(running.worker.invocations[0]?.item.head.headers);
    expect(headers.get('x-forwarded-proto')).toBe('https');
  });

  it('speaks no old TLS and no plain HTTP', async () => {
    await using running = new RunningGateway(0, undefined, files);
    await running.gateway.start(AbortSignal.timeout(30_000));
    await expect(open(running, 'TLSv1.1')).rejects.toThrow();
    await expect(fetch(running.gateway.address.replace('https', 'http'))).rejects.toThrow();
  });

  it.each(['no file', 'another key'])('does not start with %s', async (what) => {
    if (what === 'no file') await rm(files.certFile);
    else await copyFile(join(pairs, 'second.key'), files.keyFile);
    await using running = new RunningGateway(0, undefined, files);
    const start = running.gateway.start(AbortSignal.timeout(30_000));
    await expect(start).rejects.toMatchObject({ reason: 'gateway.bad_certificate' });
  });

  it('takes up a new one, and keeps the old one while the new one is no good', async () => {
    const used: string[] = [];
    const logged: string[] = [];
    const note = (_fields: object, message: string) => logged.push(message);
    const logger = { debug: note, info: note, warn: note, error: note };
    const certificate = new Certificate({ ...files, logger, lookIntervalMs: 5 });
    await certificate.start(({ cert }) => used.push(cert));
    await writeFile(files.certFile, 'half a certifi');
    await vi.waitFor(() => expect(logged.join()).toContain('the old one stays'), soon);
    expect(used).toHaveLength(1);
    await put('second');
    await vi.waitFor(() => expect(used).toHaveLength(2), soon);
    expect(used[1]).not.toBe(used[0]);
    await certificate.stop();
  });
});

describe('requests that two servers could read differently', () => {
  let running: RunningGateway;
  beforeEach(async () => {
    running = await RunningGateway.start();
    await running.addFunction('hello');
  });
  afterEach(() => running[Symbol.asyncDispose]());

  /** All that comes back for these bytes. */
  async function answerTo(request: string): Promise<string> {
    const { hostname, port } = new URL(running.gateway.address);
    const socket = connect(Number(port), hostname);
    socket.write(request);
    return await text(socket);
  }

  const hidden = 'GET /fn/hello?hidden HTTP/1.1\r\nhost: h\r\n\r\n';
  const to = (path: string, ...headers: string[]) =>
    `POST ${path} HTTP/1.1\r\n${['host: h', ...headers].join('\r\n')}\r\n\r\n`;

  it.each([
    ['a length and chunks', to('/fn/hello', 'content-length: 4', 'transfer-encoding: chunked')],
    ['two lengths', to('/fn/hello', 'content-length: 0', `content-length: ${hidden.length}`)],
    ['a length that is none', to('/fn/hello', 'content-length: +5')],
    ['chunks of another name', to('/fn/hello', 'transfer-encoding: xchunked')],
    ['chunks twice', to('/fn/hello', 'transfer-encoding: chunked', 'transfer-encoding: identity')],
    ['a space before the colon', to('/fn/hello', 'content-length : 4')],
    ['a folded header', to('/fn/hello', 'x-a: b\r\n content-length: 4')],
    ['a bare line feed', 'POST /fn/hello HTTP/1.1\nhost: h\ncontent-length: 0\n\n'],
    ['a zero in a header', to('/fn/hello', 'x-a: b\0c')],
  ])('are refused, and the connection with them: %s', async (_what, request) => {
    const answer = await answerTo(`${request}${hidden}`);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(running.worker.invocations).toEqual([]);
  });

  it('are refused with more headers than anyone needs', async () => {
    const answer = await answerTo(to('/fn/hello', `x-a: ${'x'.repeat(40 * 1024)}`));
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
  });

  it('reach the function as one, whatever stands in its body', async () => {
    const closing = 'connection: close';
    const answer = await answerTo(
      `${to('/fn/hello', `content-length: ${hidden.length}`, closing)}${hidden}`,
    );
    expect(answer.match(/HTTP\/1\.1 200 /g)).toHaveLength(1);
    expect(running.worker.invocations.map(({ body }) => body.toString())).toEqual([hidden]);
  });
});
