import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { publicAddress, startFakeInternet, type FakeInternet } from '../support/fake-internet.ts';
import { tryToDeployInline } from '../support/inline-function.ts';
import { startHost, type RunningHost } from '../support/running-host.ts';

let internet: FakeInternet;
let host: RunningHost;
beforeAll(async () => {
  internet = await startFakeInternet();
  host = await startHost({
    environment: {
      HEARTH_NETWORK_NAMESPACE: internet.router,
      HEARTH_DNS: '203.0.113.53',
    },
  });
  await deploy('caller', ['api.example.com:443']);
  await deploy('hermit', []);
});
afterAll(async () => {
  await host?.[Symbol.asyncDispose]();
  await internet?.[Symbol.asyncDispose]();
});

const source = `
  import { connect } from 'node:net';
  let kept;
  const dial = (host, port) => new Promise((resolve) => {
    kept = connect({ host, port });
    kept.once('data', (bytes) => resolve(String(bytes)));
    kept.on('error', ({ code }) => resolve(code));
    kept.setTimeout(5000, () => resolve('silence'));
  });
  export default {
    async fetch(request) {
      const { pathname, searchParams } = new URL(request.url);
      if (pathname === '/kept') return new Response(kept.destroyed ? 'broken' : 'alive');
      return new Response(await dial(searchParams.get('host'), searchParams.get('port')));
    },
  };`;

const deploy = (name: string, egress: readonly string[], more: object = {}) =>
  tryToDeployInline(host, name, source, {
    triggers: { http: { auth: 'none' } },
    network: { egress, ...more },
  });

const dial = (name: string, target: string, port: number) =>
  host.fetch(`/fn/${name}/?host=${target}&port=${port}`);
const answer = async (...call: Parameters<typeof dial>) => await (await dial(...call)).text();

describe('a function', () => {
  test('reaches the names that it lists, and nothing else', async () => {
    expect(await answer('caller', 'api.example.com', 443)).toMatch(/^hello /);
    expect(await answer('caller', 'api.example.com', 80)).toBe('ECONNREFUSED');
    expect(await answer('caller', 'other.example.com', 443)).toBe('ENOTFOUND');
    expect(await answer('caller', '169.254.169.254', 443)).toBe('ECONNREFUSED');
  });

  test('finds its connections broken at its next invocation', async () => {
    const first = await dial('caller', 'api.example.com', 443);
    expect(await first.text()).toMatch(/^hello /);
    const next = await host.fetch('/fn/caller/kept');
    expect(next.headers.get('x-hearth-start')).toMatch(/warm|thawed/);
    expect(await next.text()).toBe('broken');
  });

  test('that lists nothing has no network', async () => {
    expect(await answer('hermit', publicAddress[4], 443)).toBe('ENETUNREACH');
    expect(await answer('hermit', 'api.example.com', 443)).toBe('EAI_AGAIN');
  });

  test('is not deployed with an entry that could never be reached', async () => {
    const { exitCode, stderr } = await deploy('hopeless', ['api.example.com:443', '10.0.0.5:5432']);
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain('10.0.0.5 cannot be reached');
    expect(stderr).toContain('HEARTH_NETWORK_ALLOW');
  });

  test('is not deployed with an entry that means nothing', async () => {
    const { exitCode, stderr } = await deploy('wrong', ['api.example.com', 'a b:1', '*:80-443']);
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain('network.egress.0: "api.example.com" is not of the form');
    expect(stderr).toContain('network.egress.1: "a b:1" names neither');
    expect(stderr).not.toContain('network.egress.2');
  });
});

describe('a private network', () => {
  test('is made, and leads those on it to its endpoints by name', async () => {
    const { stderr } = await deploy('guest', [], { networks: ['db'] });
    expect(stderr).toContain('There is no network "db": make it with "hearth network create"');
    await host.hearth('network', 'create', 'db');
    const attached = await host.hearth('network', 'attach', 'db', 'postgres=10.9.9.9:80');
    expect(attached.stdout).toContain('reach 10.9.9.9:80 as postgres.db.internal');
    expect((await deploy('guest', [], { networks: ['db'] })).exitCode).toBe(0);
    expect(await answer('guest', 'postgres.db.internal', 80)).toMatch(/^hello /);
    expect(await answer('caller', 'postgres.db.internal', 80)).toBe('ENOTFOUND');
    expect(await answer('caller', '10.9.9.9', 80)).toBe('ECONNREFUSED');
    expect((await host.hearth('network', 'ls')).stdout).toMatch(/db +postgres/);
    const inspected = JSON.parse((await host.hearth('network', 'inspect', 'db')).stdout) as object;
    expect(inspected).toMatchObject({ name: 'db', functions: ['guest'] });
    expect((await host.hearth('network', 'rm', 'db')).stderr).toContain('guest');
  });

  test('can lose an endpoint while functions run', async () => {
    await host.hearth('network', 'detach', 'db', 'postgres');
    await expect
      .poll(() => answer('guest', 'postgres.db.internal', 80), { timeout: 20_000 })
      .toBe('ENOTFOUND');
  });

  test('takes no endpoint that could never be reached', async () => {
    const { exitCode, stderr } = await host.hearth('network', 'attach', 'db', 'own=127.0.0.1:6379');
    expect(exitCode).toBe(1);
    expect(stderr).toContain('127.0.0.1 cannot be an endpoint');
    expect((await host.hearth('network', 'attach', 'db', 'postgres')).exitCode).toBe(2);
  });
});

test('a host that has stopped leaves nothing in the network', async () => {
  expect(internet.inRouter('nft', 'list', 'tables')).toContain('hearth_');
  await host.interrupt();
  expect(internet.inRouter('nft', 'list', 'tables')).toBe('');
});
