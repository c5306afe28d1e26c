import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { SandboxView } from '../../src/domain/sandbox-view.ts';
import { RunningGateway, withKey } from '../support/running-gateway.ts';

let gateway: RunningGateway;
beforeEach(async () => {
  gateway = await RunningGateway.start();
});
afterEach(() => gateway[Symbol.asyncDispose]());

const view = (id: string, functionName?: string) => ({ id, functionName }) as SandboxView;
const get = (path: string, headers = withKey) => gateway.send('GET', path, { headers });

describe('the sandboxes over HTTP', () => {
  test('come sorted by function, stems last', async () => {
    gateway.sandboxes = [view('stem'), view('two', 'zeta'), view('one', 'alpha')];
    const { sandboxes } = JSON.parse((await get('/v1/sandboxes')).text) as {
      sandboxes: { id: string }[];
    };
    expect(sandboxes.map(({ id }) => id)).toEqual(['one', 'two', 'stem']);
  });

  test('are found by their id or the beginning of it', async () => {
    gateway.sandboxes = [view('abc1'), view('abd2')];
    expect((await get('/v1/sandboxes/abc')).text).toContain('abc1');
    expect((await get('/v1/sandboxes/ab')).status).toBe(400);
    expect((await get('/v1/sandboxes/x')).status).toBe(404);
  });

  test('are seen as far as a key may read functions', async () => {
    gateway.sandboxes = [view('stem'), view('two', 'zeta'), view('one', 'alpha')];
    const scopes = [{ action: 'read', pattern: 'al*' }] as const;
    const { record, secret } = await gateway.keys.create('reader', scopes, undefined);
    const reader = { authorization: `Bearer ${record.name}:${secret}` };
    const { sandboxes } = JSON.parse((await get('/v1/sandboxes', reader)).text) as {
      sandboxes: { id: string }[];
    };
    expect(sandboxes.map(({ id }) => id)).toEqual(['one']);
    expect((await get('/v1/sandboxes/one', reader)).status).toBe(200);
    expect((await get('/v1/sandboxes/two', reader)).status).toBe(404);
    expect((await get('/v1/sandboxes/stem', reader)).status).toBe(404);
  });

  test('need a key', async () => {
    for (const path of ['/v1/sandboxes', '/v1/sandboxes/one']) {
      expect((await get(path, { authorization: 'none' })).status).toBe(401);
    }
  });
});
