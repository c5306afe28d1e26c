import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RunningGateway, withKey } from '../support/running-gateway.ts';
import { digestOf, specOf } from '../support/function-records.ts';

let running: RunningGateway;
beforeEach(async () => {
  running = await RunningGateway.start();
  const versions = ['a', 'b'].map((digit, index) => ({
    number: index + 1,
    digest: digestOf(digit),
    spec: specOf('hello'),
    createdAt: '2026-01-02T03:04:05.000Z',
  }));
  const live = digestOf('b');
  const previous = digestOf('a');
  await running.functions.put({ name: 'hello', revision: 1, live, previous, versions });
});
afterEach(() => running[Symbol.asyncDispose]());

const change = async (method: string, what: string, body?: object) => {
  const headers = { ...withKey, 'content-type': 'application/json' };
  const text = body && JSON.stringify(body);
  const path = `/v1/functions/hello/${what}`;
  const answer = await running.send(
    method,
    path,
    text ? { headers, body: text } : { headers: withKey },
  );
  return { status: answer.status, json: JSON.parse(answer.text) as Record<string, unknown> };
};

/** The versions that so many requests met. */
async function met(path: string, requests: readonly Record<string, string>[]) {
  const before = running.worker.invocations.length;
  await Promise.all(requests.map((headers) => running.send('GET', path, { headers })));
  return running.worker.invocations.slice(before).map(({ item }) => item.version);
}

describe('versions', () => {
  it('are listed, newest first, with what each serves', async () => {
    const { json } = await change('GET', 'versions');
    expect(json).toMatchObject({ live: 2, previous: 1, aliases: {} });
    expect(json['versions']).toMatchObject([{ number: 2 }, { number: 1 }]);
  });

  it('serve as the traffic says, from the next request on', async () => {
    await change('PUT', 'traffic', { live: '1' });
    expect(await met('/fn/hello', [{}])).toEqual([digestOf('a')]);
    await change('POST', 'rollback');
    expect(await met('/fn/hello', [{}])).toEqual([digestOf('b')]);
  });

  it('share the traffic, and one who sticks meets one of them', async () => {
    const stickyBy = { kind: 'cookie', name: 'session' };
    await change('PUT', 'traffic', { live: '2', split: { version: '1', percent: 50, stickyBy } });
    const callers = Array.from({ length: 60 }, (_, i) => ({ cookie: `a=b; session=caller-${i}` }));
    expect(new Set(await met('/fn/hello', callers))).toEqual(
      new Set([digestOf('a'), digestOf('b')]),
    );
    const same = Array.from({ length: 20 }, () => ({ cookie: 'session=mine' }));
    expect(new Set(await met('/fn/hello', same)).size).toBe(1);
    expect(
      new Set(
        await met(
          '/fn/hello',
          Array.from({ length: 60 }, () => ({})),
        ),
      ).size,
    ).toBe(2);
  });

  it('are called by name with a key only, though the trigger is public', async () => {
    await change('PUT', 'aliases/old', { version: '1' });
    expect((await running.send('GET', '/fn/hello@old')).status).toBe(401);
    expect(await met('/fn/hello@old/path?q', [withKey])).toEqual([digestOf('a')]);
    expect(running.worker.last.item.head.url).toBe('/path?q');
    expect(await met('/fn/hello@2', [withKey])).toEqual([digestOf('b')]);
    const post = { headers: withKey, body: '{}' };
    await running.send('POST', '/v1/functions/hello/invocations?qualifier=old', post);
    expect(running.worker.last.item.version).toBe(digestOf('a'));
    expect((await running.send('GET', '/fn/hello@nope', { headers: withKey })).status).toBe(404);
  });

  it.each([
    ['PUT', 'traffic', { live: 'nope' }, 404],
    ['PUT', 'traffic', { live: '2', split: { version: '1', percent: 100 } }, 400],
    ['PUT', 'traffic', {}, 400],
    ['PUT', 'aliases/live', { version: '1' }, 400],
    ['DELETE', 'aliases/nope', undefined, 404],
  ])('refuse %s %s %j with %i', async (method, what, body, status) => {
    expect((await change(method, what, body)).status).toBe(status);
  });
});
