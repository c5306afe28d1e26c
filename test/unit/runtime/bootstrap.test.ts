import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StartedBootstrap } from '../../support/started-bootstrap.ts';

let bootstrap: StartedBootstrap;
beforeEach(() => {
  bootstrap = new StartedBootstrap();
});
afterEach(() => bootstrap[Symbol.asyncDispose]());

describe('loading', () => {
  test('gives the function its own environment and nothing of the host', async () => {
    const source = `const atLoad = { ...process.env }; export const handler = async () => atLoad`;
    await bootstrap.load(source, { env: { LEVEL: 'info' } });
    const env = JSON.parse((await bootstrap.invoke({ trigger: 'event' })).body.toString());
    expect(env).toMatchObject({ LEVEL: 'info', HOME: '/tmp', AWS_LAMBDA_FUNCTION_NAME: 'tested' });
    expect(env).not.toHaveProperty('LEAKED');
  });

  test.each([
    ['Runtime.ImportModuleError', `import 'not-installed'`, 'not-installed'],
    ['Runtime.UserCodeSyntaxError', 'export const = 1', 'Unexpected token'],
    ['Runtime.HandlerNotFound', 'export const main = 1, other = 2', 'exports main, other'],
    ['RangeError', `throw new RangeError('at load')`, 'at load'],
    [
      'RangeError',
      `setImmediate(() => { throw new RangeError('later') }); await 0; await new Promise(() => {})`,
      'later',
    ],
    [
      'Error',
      `throw Object.defineProperty(new Error('odd'), 'code', { get() { throw 'odd' } })`,
      '',
    ],
  ])('fails with %s for %s', async (type, source, message) => {
    const { name, payload } = await bootstrap.load(source);
    expect(name).toBe('initFailed');
    const error = JSON.parse(payload.toString());
    expect(error).toMatchObject({ type, message: expect.stringContaining(message) });
  });

  test('of a module that is missing says which', async () => {
    const { payload } = await bootstrap.init({ entry: '/nowhere/index.mjs', env: {} });
    expect(payload.toString()).toContain('Runtime.ImportModuleError');
    expect(payload.toString()).toContain('/nowhere/index.mjs');
  });
});

describe('what a handler throws', () => {
  test.each([
    ['an error', `Object.assign(new Error('plain'), { name: 'MyError' })`, 'MyError', 'plain'],
    ['a string', `'text'`, 'string', 'text'],
    ['null', 'null', 'object', 'null'],
    ['a symbol', `Symbol('s')`, 'symbol', 'Symbol(s)'],
    ['an object', '{ a: 1 }', 'object', '{"a":1}'],
    [
      'what throws when looked at',
      `Object.defineProperty(new Error(), 'message', { get() { throw 1 } })`,
      'Unknown',
      '',
    ],
  ])('is described: %s', async (_, thrown, type, message) => {
    await bootstrap.load(`export const handler = async () => { throw (${thrown}) }`);
    const { error } = await bootstrap.invoke();
    expect(error).toMatchObject({ type, message: expect.stringContaining(message) });
  });

  test('fits into a frame whatever its length, and the next invocation works', async () => {
    await bootstrap.load(`export const handler = async (event) => {
      if (event.fine) return 'fine';
      const text = '\\u0001'.repeat(1e6);
      throw Object.assign(new Error(text), { name: text, stack: text });
    }`);
    const { error } = await bootstrap.invoke({ trigger: 'event' });
    expect(error.message.length).toBe(8 * 1024);
    expect(error.stack?.length).toBe(32 * 1024);
    const next = await bootstrap.invoke({ trigger: 'event', body: '{"fine":true}' });
    expect(next.body.toString()).toBe('"fine"');
  });
});

describe('an error that nobody caught', () => {
  test.each([
    ['an exception', `setImmediate(() => { throw new RangeError('stray') })`],
    ['a rejection', `Promise.reject(new RangeError('stray'))`],
  ])('%s fails its own invocation, and the process ends', async (_, stray) => {
    await bootstrap.load(`export const handler = async (event) => {
      if (event.stray) ${stray};
      await new Promise(() => {});
    }`);
    bootstrap.send({ trigger: 'event' });
    const id = bootstrap.send({ trigger: 'event', body: '{"stray":true}' });
    const { error, log } = await bootstrap.answer(id);
    expect(error).toMatchObject({ type: 'RangeError', message: 'stray', fatal: true });
    expect(log).toContain('Uncaught RangeError: stray');
    expect(await bootstrap.exited).toBe(129);
    await expect(bootstrap.next(({ name }) => name === 'error')).rejects.toThrow('gone');
  });

  test('fails all under way where it belongs to none', async () => {
    await bootstrap.load(`let tell; const told = new Promise((resolve) => tell = resolve);
      void told.then(() => { throw new Error('of none') });
      export const handler = async (event) => {
        if (event.tell) tell();
        await new Promise(() => {});
      }`);
    const first = bootstrap.send({ trigger: 'event' });
    const second = bootstrap.send({ trigger: 'event', body: '{"tell":true}' });
    expect((await bootstrap.answer(first)).error.message).toBe('of none');
    expect((await bootstrap.answer(second)).error.message).toBe('of none');
  });
});

describe('output', () => {
  test('arrives before the answer, with the invocation that wrote it', async () => {
    await bootstrap.load(`const gate = Promise.withResolvers();
      export const handler = async ({ name }) => {
        console.log('start of ' + name);
        if (name === 'second') gate.resolve();
        await gate.promise;
        process.stderr.write('end of ' + name);
      }`);
    const first = bootstrap.send({ trigger: 'event', body: '{"name":"first"}' });
    const second = bootstrap.send({ trigger: 'event', body: '{"name":"second"}' });
    expect((await bootstrap.answer(first)).log).toBe('start of first\nend of first');
    const { log, frames } = await bootstrap.answer(second);
    expect(log).toBe('start of second\nend of second');
    expect(frames).toEqual(['log', 'log', 'response']);
  });

  test('is cut into frames of at most 64 KiB and stays whole', async () => {
    await bootstrap.load(`export const handler = async () => console.log('x'.repeat(200_000))`);
    const { log, frames } = await bootstrap.invoke();
    expect(log).toBe(`${'x'.repeat(200_000)}\n`);
    expect(frames).toEqual(['log', 'log', 'log', 'log', 'response']);
  });

  test('of just before process.exit() is not lost', async () => {
    await bootstrap.load(`export const handler = () => { console.log('last'); process.exit(3) }`);
    bootstrap.send();
    const { payload } = await bootstrap.next(({ name }) => name === 'log');
    expect(payload.toString()).toContain('last');
    expect(await bootstrap.exited).toBe(3);
  });
});

test('the process ends when the host closes the channel', async () => {
  await bootstrap.load('setInterval(() => {}, 1000); export const handler = () => {}');
  bootstrap.closeChannel();
  expect(await bootstrap.exited).toBe(0);
});

test('a body of 6 MiB arrives whole', async () => {
  await bootstrap.load(`export default async (request) =>
    new Response(String((await request.bytes()).reduce((sum, byte) => sum + byte, 0)))`);
  const body = new Uint8Array(6 * 1024 ** 2).fill(3);
  expect((await bootstrap.invoke({ method: 'POST', body })).body.toString()).toBe(
    String(3 * body.length),
  );
});
