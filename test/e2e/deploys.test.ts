import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  deployInline,
  inlineFolder,
  postInline,
  tryToDeployInline,
} from '../support/inline-function.ts';
import { startHost, type RunningHost } from '../support/running-host.ts';

let host: RunningHost;
beforeAll(async () => {
  host = await startHost({ environment: { HEARTH_FUNCTION_HOSTS: '*.fn.example.com' } });
});
afterAll(() => host?.[Symbol.asyncDispose]());

const open = { triggers: { http: { auth: 'none' } } };
const answering = (text: string) => `export default { fetch: () => new Response(${text}) };`;

/** Calls it all the time until disposed of. */
function callers(name: string): AsyncDisposable {
  const ended = new AbortController();
  const call = async () => {
    while (!ended.signal.aborted) await (await host.fetch(`/fn/${name}`)).text();
  };
  const calling = Promise.all([call(), call()]);
  return {
    [Symbol.asyncDispose]: async () => {
      ended.abort();
      await calling;
    },
  };
}

describe('a host of its own', () => {
  const hosts = ['shop.fn.example.com'];
  const withHosts = { triggers: { http: { auth: 'none', hosts } } };
  const echo = 'export default { fetch: ({ url }) => new Response(url) };';

  test('reaches the function by any path, and is no other function', async () => {
    await deployInline(host, 'shop', echo, withHosts);
    const { hostname, port } = new URL(host.url);
    const headers = { host: hosts[0] };
    const sent = request({ hostname, port, path: '/v1/functions?a=1', headers, agent: false });
    const [answer] = (await once(sent.end(), 'response')) as [IncomingMessage];
    expect(await text(answer)).toBe('http://shop.fn.example.com/v1/functions?a=1');
    const { exitCode, stderr } = await tryToDeployInline(host, 'rival', echo, withHosts);
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain('"shop.fn.example.com" is the function "shop"');
  });
});

describe('a canary', () => {
  const deployCanary = async (name: string, source: string) => {
    await using folder = await inlineFolder(name, source, open);
    const deployed = await host.hearth('deploy', folder.dir, '--canary', '20,60', '--every', '1s');
    expect(deployed).toMatchObject({ exitCode: 0, stderr: '' });
    return deployed;
  };
  const traffic = async (name: string) => (await host.hearth('traffic', name)).stdout;

  test('that does well gets all of the traffic, step by step', async () => {
    await deployInline(host, 'good', answering(`'1'`), open);
    const { stdout } = await deployCanary('good', answering(`'2'`));
    expect(stdout).toContain('Canary at 20 %');
    expect(await traffic('good')).toMatch(/^2 +20 %[^]*then 60 %, 100 %/m);
    await using _calls = callers('good');
    await vi.waitFor(async () => expect(await traffic('good')).toMatch(/^2 +100 %/m));
    expect(await traffic('good')).toContain('version 2 went live');
  });

  test('that fails is rolled back, and it is told why', async () => {
    await deployInline(host, 'bad', answering(`'1'`), open);
    await deployCanary('bad', `export default { fetch() { throw new Error('broken'); } };`);
    await using _calls = callers('bad');
    await vi.waitFor(async () => expect(await traffic('bad')).toMatch(/^1 +100 %/m));
    expect(await traffic('bad')).toMatch(/version 2 was rolled back.*invocations failed/);
  });
});

describe('twenty deploys while the function is called 200 times a second', () => {
  /** The aim. Where the machine cannot keep up, so few calls are open that it is called less often. */
  const callers = 10;
  const pauseMs = (callers * 1000) / 200;

  const deploy = (version: number) => postInline(host, 'busy', answering(`'${version}'`), open);

  test('fail no call, and none waits for a pull or meets a version that is gone', async () => {
    await deploy(0);
    let deployed = 0;
    const ended = new AbortController();
    const answers: { status: number; version: number; atLeast: number; timing: string }[] = [];
    const call = async () => {
      const atLeast = deployed;
      const answer = await host.fetch('/fn/busy');
      const timing = answer.headers.get('server-timing') ?? '';
      answers.push({
        status: answer.status,
        version: Number(await answer.text()),
        atLeast,
        timing,
      });
    };
    const keepCalling = async () => {
      while (!ended.signal.aborted) await Promise.all([call(), setTimeout(pauseMs)]);
    };
    const calling = Array.from({ length: callers }, keepCalling);
    try {
      for (let version = 1; version <= 20; version += 1) {
        await deploy(version);
        deployed = version;
      }
    } finally {
      ended.abort();
      await Promise.all(calling);
    }
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    expect(answers.filter(({ version, atLeast }) => version < atLeast)).toEqual([]);
    expect(answers.filter(({ timing }) => timing.includes('image'))).toEqual([]); // what a pull is told as
    expect(new Set(answers.map(({ version }) => version)).size).toBeGreaterThan(1);
  });
});

describe('a folder that is applied', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hearth-stack-'));
    const networks = { orders: { postgres: '10.0.0.5:5432' } };
    await write('stack.json', JSON.stringify({ name: 'shop', networks }));
    await writeFunction('cart', 'one');
    await writeFunction('till', 'one');
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  const write = (path: string, text: string) => writeFile(join(dir, path), text);
  const writeFunction = async (name: string, text: string) => {
    await mkdir(join(dir, 'functions', name), { recursive: true });
    const config = { name, entry: 'index.js', ...open };
    await write(`functions/${name}/hearth.json`, JSON.stringify(config));
    await write(`functions/${name}/index.js`, answering(`'${text}'`));
  };
  const apply = (...options: string[]) => host.hearth('apply', '-f', dir, ...options);
  const answerOf = async (name: string) => (await host.fetch(`/fn/${name}`)).text();

  test('shows first what it would change, and changes nothing', async () => {
    expect(await apply('--dry-run')).toMatchObject({
      exitCode: 3,
      stdout: [
        '+ network orders',
        '+ endpoint postgres of network orders: 10.0.0.5:5432',
        '+ function cart',
        '+ function till',
        '',
      ].join('\n'),
    });
    expect((await host.hearth('ls')).stdout).not.toContain('cart');
  });

  test('is made, once', async () => {
    expect((await apply()).exitCode).toBe(0);
    expect(await answerOf('cart')).toBe('one');
    expect(await apply()).toMatchObject({ exitCode: 0, stdout: 'Nothing to change.\n' });
    expect((await apply('--dry-run')).exitCode).toBe(0);
    expect((await host.hearth('versions', 'cart')).stdout).not.toMatch(/^2 /m);
  });

  test('mends what was changed by hand', async () => {
    await deployInline(host, 'cart', answering(`'by hand'`), open);
    expect((await apply()).stdout).toMatch(/~ function cart .*version 2 is live/);
    expect(await answerOf('cart')).toBe('one');
  });

  test('removes what it made and no longer has, when it is told to, and nothing else', async () => {
    await deployInline(host, 'neighbour', answering(`'here'`), open);
    await rm(join(dir, 'functions', 'till'), { recursive: true });
    expect((await apply()).stdout).toContain('- function till  (kept without --prune)');
    expect(await answerOf('till')).toBe('one');
    expect((await apply('--prune')).exitCode).toBe(0);
    expect((await host.fetch('/fn/till')).status).toBe(404);
    expect(await answerOf('neighbour')).toBe('here');
  });

  test('does not take a function from another folder', async () => {
    await write('stack.json', JSON.stringify({ name: 'rival' }));
    const { exitCode, stderr } = await apply();
    expect(exitCode).toBe(1);
    expect(stderr).toContain('"cart" belongs to the stack "shop"');
  });

  test('with a secret that is not set changes nothing', async () => {
    await write('stack.json', JSON.stringify({ name: 'shop', secrets: ['NOT_SET'] }));
    const { exitCode, stderr } = await apply('--prune');
    expect(exitCode).toBe(1);
    expect(stderr).toContain('hearth secret set NOT_SET');
    expect((await host.hearth('network', 'ls')).stdout).toContain('orders');
  });
});
