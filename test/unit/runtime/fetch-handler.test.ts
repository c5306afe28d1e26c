import { afterEach, describe, expect, test } from 'vitest';
import { StartedBootstrap } from '../../support/started-bootstrap.ts';

let bootstrap: StartedBootstrap;
const load = async (source: string, options?: Parameters<StartedBootstrap['load']>[1]) => {
  bootstrap = new StartedBootstrap();
  const { name, payload } = await bootstrap.load(source, options);
  expect({ name, payload: payload.toString() }).toEqual({
    name: 'ready',
    payload: '{"takesStreams":true}',
  });
};
afterEach(() => bootstrap[Symbol.asyncDispose]());

describe('a fetch handler', () => {
  test('gets the request as the caller sent it', async () => {
    await load(`export default { async fetch(request, env, ctx) {
      return Response.json({ url: request.url, method: request.method, body: await request.text(),
        header: request.headers.get('x-a'), env, name: ctx.functionName, id: ctx.invocationId });
    } }`);
    const { status, headers, body } = await bootstrap.invoke({
      method: 'POST',
      url: '/a%2Fb?c=1',
      headers: [
        ['host', 'fn.example:8080'],
        ['x-forwarded-proto', 'https'],
        ['x-a', '1'],
        ['x-a', '2'],
      ],
      body: 'text',
    });
    expect(status).toBe(200);
    expect(headers).toContainEqual(['content-type', 'application/json']);
    expect(JSON.parse(body.toString())).toEqual({
      url: 'https://fn.example:8080/a%2Fb?c=1',
      method: 'POST',
      body: 'text',
      header: '1, 2',
      env: {},
      name: 'tested',
      id: '00000000-0000-4000-8000-000000000000',
    });
  });

  test('may be the default export itself, also of a CommonJS module', async () => {
    await load(`module.exports = () => new Response('plain')`, { file: 'index.cjs' });
    expect((await bootstrap.invoke()).body.toString()).toBe('plain');
  });

  test('gets an event as POST / with the JSON', async () => {
    await load(`export default { fetch: async (request) =>
      Response.json([request.method, new URL(request.url).pathname, await request.json()]) }`);
    const { body } = await bootstrap.invoke({ trigger: 'event', method: 'POST', body: '{"a":1}' });
    expect(JSON.parse(body.toString())).toEqual(['POST', '/', { a: 1 }]);
  });

  test('answers in one frame when the answer is small and complete', async () => {
    await load(`export default { fetch: () => new Response('x'.repeat(64 * 1024)) }`);
    const { frames, body } = await bootstrap.invoke();
    expect(frames).toEqual(['response']);
    expect(body.length).toBe(64 * 1024);
  });

  test('can set several cookies', async () => {
    await load(`export default { fetch: () => {
      const headers = new Headers();
      headers.append('set-cookie', 'a=1');
      headers.append('set-cookie', 'b=2');
      return new Response(null, { status: 204, headers });
    } }`);
    const { status, headers } = await bootstrap.invoke();
    expect(status).toBe(204);
    expect(headers).toEqual([
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
    ]);
  });

  test('sends the head of a stream before its first bytes', async () => {
    await load(`let go; export default { fetch: (request) => {
      if (request.method === 'POST') { go(); return new Response('went'); }
      return new Response(new ReadableStream({ async start(controller) {
        await new Promise((resolve) => go = resolve);
        controller.enqueue(new TextEncoder().encode('late'));
        controller.close();
      } }), { status: 201 });
    } }`);
    const id = bootstrap.send();
    await bootstrap.next(({ name }) => name === 'head');
    await bootstrap.invoke({ method: 'POST' });
    const { frames, body } = await bootstrap.answer(id);
    expect(frames).toEqual(['chunk', 'end']);
    expect(body.toString()).toBe('late');
  });

  test('waits for grants when it is 256 KiB ahead', async () => {
    await load(`let sent = 0; export default { fetch: (request) => {
      if (request.method === 'POST') return new Response('ahead');
      return new Response(new Uint8Array(600 * 1024).fill(7));
    } }`);
    const id = bootstrap.send();
    let bytes = 0;
    const isOurs =
      (name: string) =>
      ({ name: its, payload }: { name: string; payload: Buffer }) =>
        its === name && payload.subarray(0, 8).equals(id);
    while (bytes < 256 * 1024) {
      const { payload } = await bootstrap.next(isOurs('chunk'));
      expect(payload.length - 8).toBeLessThanOrEqual(64 * 1024);
      bytes += payload.length - 8;
    }
    expect(bytes).toBe(256 * 1024);
    await bootstrap.invoke({ method: 'POST' }); // a whole round trip later nothing more has come
    bootstrap.grant(id, 1000);
    const granted = await bootstrap.next(isOurs('chunk'));
    expect(granted.payload.length - 8).toBe(1000);
    bootstrap.grant(id, 1024 * 1024);
    const { body, frames } = await bootstrap.answer(id);
    expect(body.length).toBe(600 * 1024 - 256 * 1024 - 1000);
    expect(frames.at(-1)).toBe('end');
  });

  test('ends with an error when its stream fails on the way', async () => {
    await load(`export default { fetch: () => new Response(new ReadableStream({
      async pull(controller) {
        await new Promise(setImmediate);
        await new Promise(setImmediate);
        if (this.sent) throw new RangeError('broke');
        this.sent = true;
        controller.enqueue(new Uint8Array(10));
      } })) }`);
    const { frames, error } = await bootstrap.invoke();
    expect(frames).toEqual(['head', 'chunk', 'error']);
    expect(error).toMatchObject({ type: 'RangeError', message: 'broke' });
  });

  test('ends only when what it gave to waitUntil has settled', async () => {
    await load(`let finish; export default { fetch: (request, env, ctx) => {
      if (request.method === 'POST') { finish(); return new Response(); }
      ctx.waitUntil(new Promise((resolve) => finish = resolve).then(() => console.log('finished')));
      ctx.waitUntil(Promise.reject(new Error('in the background')));
      return new Response('early');
    } }`);
    const id = bootstrap.send();
    const chunk = await bootstrap.next(({ name }) => name === 'chunk');
    expect(chunk.payload.toString('utf8', 8)).toBe('early');
    await bootstrap.invoke({ method: 'POST' });
    const { frames, log } = await bootstrap.answer(id);
    expect(frames.at(-1)).toBe('end');
    expect(log).toContain('in the background');
    expect(log).toContain('finished');
  });

  test.each([
    ['nothing', 'undefined'],
    ['a response of no status', 'Response.error()'],
    ['too long headers', `new Response('', { headers: { a: 'x'.repeat(70_000) } })`],
    ['a stream of text', `new Response(new ReadableStream({ pull(c) { c.enqueue('text') } }))`],
  ])('that returns %s is told so', async (_, response) => {
    await load(`export default { fetch: () => ${response} }`);
    const { frames, error } = await bootstrap.invoke();
    expect(frames).toEqual(['error']);
    expect(error.type).toBe('Runtime.InvalidResponse');
  });
});

describe('a scheduled handler', () => {
  const planned = {
    trigger: 'event' as const,
    method: 'POST',
    headers: [['x-hearth-schedule', 'nightly']] as [string, string][],
    body: JSON.stringify({ detail: { cron: '0 3 * * *', scheduledTime: 1_700_000_000_000 } }),
  };

  test('is called by a schedule, and what it began belongs to the invocation', async () => {
    await load(`let seen; export default {
      scheduled(event, env, ctx) {
        ctx.waitUntil(Promise.resolve().then(() => { seen = { ...event, name: ctx.functionName }; }));
      },
      fetch: () => Response.json(seen),
    }`);
    expect((await bootstrap.invoke(planned)).status).toBe(200);
    expect(JSON.parse((await bootstrap.invoke()).body.toString())).toEqual({
      type: 'scheduled',
      cron: '0 3 * * *',
      scheduledTime: 1_700_000_000_000,
      name: 'tested',
    });
  });

  test('is enough for a function that nobody else calls', async () => {
    await load(`export default { scheduled() {} }`);
    expect((await bootstrap.invoke(planned)).status).toBe(200);
  });

  test('need not be there: fetch gets the event', async () => {
    await load(`export default { fetch: async (request) => Response.json(await request.json()) }`);
    const { body } = await bootstrap.invoke(planned);
    expect(JSON.parse(body.toString())).toMatchObject({ detail: { cron: '0 3 * * *' } });
  });
});
