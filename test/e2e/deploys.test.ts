import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { deployInline, inlineFolder } from '../support/inline-function.ts';
import { startHost, type RunningHost } from '../support/running-host.ts';

let host: RunningHost;
beforeAll(async () => {
  host = await startHost();
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
