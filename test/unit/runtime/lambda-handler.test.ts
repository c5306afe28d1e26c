import { afterEach, describe, expect, test } from 'vitest';
import { StartedBootstrap } from '../../support/started-bootstrap.ts';

let bootstrap: StartedBootstrap;
const load = async (source: string, options?: Parameters<StartedBootstrap['load']>[1]) => {
  bootstrap = new StartedBootstrap();
  const { name, payload } = await bootstrap.load(source, options);
  expect(payload.toString()).toBe('');
  expect(name).toBe('ready');
};
const invokeJson = async (ask: Parameters<StartedBootstrap['invoke']>[0]) =>
  JSON.parse((await bootstrap.invoke(ask)).body.toString());
afterEach(() => bootstrap[Symbol.asyncDispose]());

describe('a Lambda handler', () => {
  test('gets an HTTP request as payload format 2.0', async () => {
    await load('export const handler = async (event) => event');
    const event = await invokeJson({
      method: 'POST',
      url: '/a%20b//?x=1&x=2&constructor=3',
      headers: [
        ['host', 'fn.example'],
        ['x-twice', 'a'],
        ['X-Twice', 'b'],
        ['cookie', 'k=v; l=w'],
        ['content-type', 'application/json; charset=utf-8'],
      ],
      body: '{"ä":1}',
    });
    expect(event).toMatchObject({
      version: '2.0',
      routeKey: '$default',
      rawPath: '/a%20b//',
      rawQueryString: 'x=1&x=2&constructor=3',
      cookies: ['k=v', 'l=w'],
      headers: { 'x-twice': 'a,b', cookie: 'k=v; l=w' },
      queryStringParameters: { x: '1,2', constructor: '3' },
      requestContext: { http: { method: 'POST', path: '/a%20b//', sourceIp: '127.0.0.1' } },
      body: '{"ä":1}',
      isBase64Encoded: false,
    });
    expect(event.requestContext.time).toMatch(/^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/);
  });

  test('does not find members that have nothing to say', async () => {
    await load('export const handler = async (event) => Object.keys(event)');
    expect(await invokeJson({})).not.toEqual(
      expect.arrayContaining(['body', 'cookies', 'queryStringParameters']),
    );
  });

  test.each([
    ['bytes of no text type', 'application/octet-stream', Buffer.from([0, 255])],
    ['text that is not UTF-8', 'text/plain', Buffer.from([255, 254])],
  ])('gets %s as base64', async (_, type, body) => {
    await load('export const handler = async (event) => event');
    const event = await invokeJson({ method: 'PUT', headers: [['content-type', type]], body });
    expect(event).toMatchObject({ body: body.toString('base64'), isBase64Encoded: true });
  });

  test('answers with status, headers, cookies and bytes', async () => {
    await load(`export const handler = async () => ({ statusCode: '201', headers: { 'X-A': 1 },
      cookies: ['a=1', 'b=2'], body: 'AP8=', isBase64Encoded: true })`);
    const { status, headers, body, frames } = await bootstrap.invoke();
    expect(status).toBe(201);
    expect(headers).toEqual([
      ['x-a', '1'],
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
      ['content-type', 'application/json'],
    ]);
    expect(body).toEqual(Buffer.from([0, 255]));
    expect(frames).toEqual(['response']);
  });

  test.each([
    ['a string, unquoted', `'hello'`, 'hello'],
    ['an object without statusCode, as JSON', '{ a: 1 }', '{"a":1}'],
    ['nothing, as null', 'undefined', 'null'],
  ])('may return %s', async (_, value, expected) => {
    await load(`export const handler = async () => (${value})`);
    expect((await bootstrap.invoke()).body.toString()).toBe(expected);
  });

  test('gets an event parsed and its context, and answers with JSON', async () => {
    await load(`export const handler = async (event, context) => ({ event,
      id: context.awsRequestId, name: context.functionName, memory: context.memoryLimitInMB,
      hasTime: context.getRemainingTimeInMillis() > 0 })`);
    expect(await invokeJson({ trigger: 'event', body: '{"a":[1]}' })).toEqual({
      event: { a: [1] },
      id: '00000000-0000-4000-8000-000000000000',
      name: 'tested',
      memory: '128',
      hasTime: true,
    });
    expect((await invokeJson({ trigger: 'event' })).event).toEqual({});
  });

  test('may answer by callback, from CommonJS', async () => {
    const source = `exports.handler = (event, context, callback) => {
      setImmediate(() => event.fail ? callback(new RangeError('no')) : callback(null, 'done'));
    }`;
    await load(source, { file: 'index.cjs' });
    expect(await invokeJson({ trigger: 'event' })).toBe('done');
    const { error } = await bootstrap.invoke({ trigger: 'event', body: '{"fail":true}' });
    expect(error).toMatchObject({ type: 'RangeError', message: 'no' });
  });

  test('may stream its answer', async () => {
    await load(`import { Readable } from 'node:stream';
      import { pipeline } from 'node:stream/promises';
      export const handler = awslambda.streamifyResponse(async (event, stream) => {
        const http = awslambda.HttpResponseStream.from(stream, { statusCode: 202,
          headers: { 'content-type': 'text/plain' } });
        if (event.rawPath === '/piped') Readable.from(['a', 'b']).pipe(http);
        else { http.write('a'); http.write('b'); }
      })`);
    for (const url of ['/written', '/piped']) {
      const { status, headers, body, frames } = await bootstrap.invoke({ url });
      expect(status).toBe(202);
      expect(headers).toEqual([['content-type', 'text/plain']]);
      expect(body.toString()).toBe('ab');
      expect(frames.at(-1)).toBe('end');
    }
  });

  test.each([
    ['Runtime.InvalidResponse', '{ statusCode: 99 }', 'statusCode'],
    ['Runtime.InvalidResponse', '{ statusCode: 200, body: Buffer.from([1]) }', 'isBase64Encoded'],
    ['Runtime.InvalidResponse', `{ statusCode: 200, headers: { a: 'b\\nc' } }`, 'line breaks'],
    ['Runtime.InvalidResponse', `{ statusCode: 200, cookies: 'a=1' }`, 'list of strings'],
    ['Runtime.InvalidResponse', '({ big: 1n })', 'BigInt'],
    ['Function.ResponseSizeTooLarge', `'x'.repeat(6 * 1024 ** 2 + 1)`, 'streamifyResponse'],
  ])('ends with %s for %s', async (type, value, hint) => {
    await load(`export const handler = async () => (${value})`);
    const { error, frames } = await bootstrap.invoke();
    expect(frames).toEqual(['error']);
    expect(error).toMatchObject({ type, message: expect.stringContaining(hint) });
  });
});
