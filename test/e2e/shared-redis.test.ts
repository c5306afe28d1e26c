import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { deployInline } from '../support/inline-function.ts';
import { startRedis, type RunningRedis } from '../support/redis.ts';
import { startHost, type RunningHost } from '../support/running-host.ts';

// A Redis as others can reach it: TLS with certificates on both sides, and a user with the rights
// that the README of the configuration gives, and no more.

const file = (name: string) => fileURLToPath(new URL(`../support/tls/${name}`, import.meta.url));
const rights = '~hearth* &hearth* +@all -@admin -@dangerous +info'.split(' ');

let redis: RunningRedis;
let host: RunningHost;
beforeAll(async () => {
  const port = await freePort();
  redis = await startRedis({
    durable: true,
    settings: [
      ['--tls-port', `${port}`, '--tls-ca-cert-file', file('first.crt')],
      ['--tls-cert-file', file('first.crt'), '--tls-key-file', file('first.key')],
      ['--user', 'default', 'off', '--user', 'hearth', 'on', '>pass/word', ...rights],
    ].flat(),
  });
  const address = `rediss://hearth:pass%2Fword@localhost:${port}`;
  host = await startHost({ environment: settings(address) });
});
afterAll(async () => {
  await host?.[Symbol.asyncDispose]();
  await redis?.stop();
});

const settings = (url: string) => ({
  HEARTH_REDIS_DURABLE: url,
  HEARTH_REDIS_FAST: url,
  HEARTH_REDIS_CA: file('first.crt'),
  HEARTH_REDIS_CERT: file('first.crt'),
  HEARTH_REDIS_KEY: file('first.key'),
});

test('a host works with a Redis behind TLS as a user that may touch its own keys only', async () => {
  await deployInline(host, 'hello', 'export const handler = async () => "hello";');
  const waiting = await host.hearth('invoke', 'hello');
  expect(waiting).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining('hello') as string,
  });
  const { stdout } = await host.hearth('invoke', 'hello', '--async');
  const ended = await host.hearth('invocation', 'wait', stdout.trim());
  expect(ended).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('hello') as string });
  await host.hearth('key', 'create', 'ci', '--allow', 'invoke', '--rate', '1/h');
  expect((await host.hearth('queue', 'ls')).exitCode).toBe(0);
  expect(host.output()).not.toMatch(/NOPERM|no permissions/i);
});
