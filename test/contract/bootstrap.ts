import { afterEach, describe, expect, test } from 'vitest';
import { StartedBootstrap } from '../support/started-bootstrap.ts';

/** The functions that the suite loads, written in one language. Each is the text of a module. */
export interface BootstrapSources {
  readonly file: string;
  /** Answers an event with itself, and an HTTP request with 201, a header and its body's text. */
  readonly echo: string;
  /** Writes `start of NAME`, waits until the one named second has started, writes `end of NAME`. */
  readonly logsTogether: string;
  /** Fails with an error of type `TypeError` and message `wrong`, raised in `fail`. */
  readonly throws: string;
  /** Answers HTTP with a stream of ten times 64 KiB, and fails after it where `?fail` is asked. */
  readonly streams: string;
  /**
   * Where functions can read a request as it comes: answers with the text of its body, each piece as
   * soon as it is there; to `/ignore` with `not read`; to `/wait` only when `/go` was asked.
   */
  readonly readsStreams?: string;
  /** Answers with 200,000 bytes. */
  readonly large: string;
  /** Answers with more than 6 MiB, as one value. */
  readonly tooLarge: string;
  /** Answers HTTP with a status of 99. */
  readonly invalid: string;
  /** Writes `last` and ends the process with code 3. */
  readonly exits: string;
  /** Answers with the `custom` that its client context has. */
  readonly clientContext: string;
  /** Answers with its environment. */
  readonly environment: string;
  /** Each fails to load with the error that it is named after. */
  readonly notLoading: Readonly<Record<string, string>>;
}

/** What PROTOCOL.md asks of a bootstrap, of whatever language. */
export function describeBootstrap(
  language: string,
  command: readonly string[],
  sources: BootstrapSources,
): void {
  describe(`the bootstrap for ${language}`, () => {
    let bootstrap: StartedBootstrap;
    const load = async (source: string, env: Record<string, string> = {}) => {
      bootstrap = new StartedBootstrap(command);
      return await bootstrap.load(source, { file: sources.file, env });
    };
    afterEach(() => bootstrap[Symbol.asyncDispose]());

    test('answers an event with JSON', async () => {
      expect((await load(sources.echo)).name).toBe('ready');
      const body = '{"text":"tea for two ☕","list":[1,2.5,null,true]}';
      const answer = await bootstrap.invoke({ trigger: 'event', body });
      expect(answer.status).toBe(200);
      expect(JSON.parse(answer.body.toString())).toEqual(JSON.parse(body));
      expect(answer.frames).toEqual(['response']);
    });

    test('tells the handler what a client of Lambda says of itself', async () => {
      await load(sources.clientContext);
      const said = { client: {}, custom: { tea: '☕' }, env: {} };
      const encoded = Buffer.from(JSON.stringify(said)).toString('base64');
      for (const [value, custom] of [
        [encoded, said.custom],
        ['no JSON', null],
      ] as const) {
        const headers = [['x-amz-client-context', value]] as const;
        const answer = await bootstrap.invoke({ trigger: 'event', headers });
        expect(JSON.parse(answer.body.toString())).toEqual(custom);
      }
    });

    test('answers an HTTP request with status, headers and body', async () => {
      await load(sources.echo);
      const answer = await bootstrap.invoke({
        method: 'POST',
        url: '/a?b=c',
        headers: [
          ['Host', 'fn.example'],
          ['Content-Type', 'text/plain'],
        ],
        body: 'hello',
      });
      expect(answer.status).toBe(201);
      expect(answer.headers).toContainEqual(['x-answer', 'yes']);
      expect(answer.body.toString()).toBe('hello');
    });

    test('serves invocations at once and keeps their logs apart, each before its answer', async () => {
      await load(sources.logsTogether);
      const first = bootstrap.send({ trigger: 'event', body: '{"name":"first"}' });
      const second = bootstrap.send({ trigger: 'event', body: '{"name":"second"}' });
      expect((await bootstrap.answer(first)).log).toBe('start of first\nend of first\n');
      expect((await bootstrap.answer(second)).log).toBe('start of second\nend of second\n');
    });

    test('tells of what the handler throws, and goes on', async () => {
      await load(sources.throws);
      for (const _ of [1, 2]) {
        const { error, frames } = await bootstrap.invoke({ trigger: 'event', body: '{}' });
        expect(error).toMatchObject({ type: 'TypeError', message: 'wrong' });
        expect(error.stack).toContain('fail');
        expect(frames.at(-1)).toBe('error');
      }
    });

    test('streams, and waits when it is 256 KiB ahead of what was granted', async () => {
      await load(sources.streams);
      const id = bootstrap.send();
      const frame = async () => (await bootstrap.next(({ payload }) => isOf(payload, id))).name;
      const ahead = [await frame(), await frame(), await frame(), await frame(), await frame()];
      expect(ahead).toEqual(['head', 'chunk', 'chunk', 'chunk', 'chunk']);
      const other = await bootstrap.invoke({ url: '/?none' });
      expect(other.body.length).toBe(0); // everything that was sent before has arrived
      expect(bootstrap.arrived).toBe(0);
      bootstrap.grant(id, 6 * 64 * 1024);
      const { body, frames } = await bootstrap.answer(id);
      expect(body.length).toBe(6 * 64 * 1024);
      expect(frames.at(-1)).toBe('end');
    });

    test('ends a stream that fails with the error', async () => {
      await load(sources.streams);
      const id = bootstrap.send({ url: '/?fail' });
      bootstrap.grant(id, 10 * 64 * 1024);
      const { error, frames } = await bootstrap.answer(id);
      expect(error.message).toBe('half way');
      expect(frames.at(-1)).toBe('error');
    });

    if (sources.readsStreams !== undefined) {
      const { readsStreams } = sources;
      const piece = Buffer.alloc(64 * 1024, 'x');
      const post = { method: 'POST', isStreamed: true } as const;

      test('says that it takes streams, and hands a body on as it comes', async () => {
        expect((await load(readsStreams)).payload.toString()).toBe('{"takesStreams":true}');
        const id = bootstrap.send(post);
        for (const text of ['one', 'two']) {
          bootstrap.sendBody(id, Buffer.from(text));
          const { payload } = await bootstrap.next(({ name }) => name === 'chunk');
          expect(payload.subarray(id.length).toString()).toBe(text);
        }
        bootstrap.endBody(id);
        expect((await bootstrap.answer(id)).frames.at(-1)).toBe('end');
      });

      test('grants what the function has read, and nothing before', async () => {
        await load(readsStreams);
        const id = bootstrap.send({ ...post, url: '/wait' });
        for (let i = 0; i < 4; i += 1) bootstrap.sendBody(id, piece);
        await bootstrap.invoke({ url: '/none' }); // everything that was sent before has arrived
        expect(bootstrap.arrived).toBe(0);
        await bootstrap.invoke({ url: '/go' });
        let granted = 0;
        while (granted < 4 * piece.length) {
          const { payload } = await bootstrap.next(({ name }) => name === 'bodyGrant');
          granted += payload.readUInt32BE(id.length);
        }
        expect(granted).toBe(4 * piece.length);
        bootstrap.endBody(id);
        expect((await bootstrap.answer(id)).body.length).toBe(4 * piece.length);
      });

      test('says nothing more of a body once it has answered', async () => {
        await load(readsStreams);
        const id = bootstrap.send({ ...post, url: '/ignore' });
        expect((await bootstrap.answer(id)).body.toString()).toBe('not read');
        for (let i = 0; i < 4; i += 1) bootstrap.sendBody(id, piece);
        bootstrap.endBody(id);
        await bootstrap.invoke({ url: '/none' });
        expect(bootstrap.arrived).toBe(0);
      });
    }

    test('cuts a large answer into frames', async () => {
      await load(sources.large);
      const { body, frames } = await bootstrap.invoke({ trigger: 'event' });
      expect(body.length).toBe(200_002); // with the quotes of its JSON
      expect(frames).toEqual(['head', 'chunk', 'chunk', 'chunk', 'chunk', 'end']);
    });

    test.each([
      ['tooLarge', 'Function.ResponseSizeTooLarge'],
      ['invalid', 'Runtime.InvalidResponse'],
    ] as const)('refuses an answer that is %s with %s', async (source, type) => {
      await load(sources[source]);
      expect((await bootstrap.invoke()).error.type).toBe(type);
    });

    test('loses nothing that was written just before the process ends', async () => {
      await load(sources.exits);
      bootstrap.send({ trigger: 'event' });
      const { payload } = await bootstrap.next(({ name }) => name === 'log');
      expect(payload.toString()).toContain('last');
      expect(await bootstrap.exited).toBe(3);
    });

    test('gives the function its own environment and nothing of the host', async () => {
      await load(sources.environment, { LEVEL: 'info' });
      const { body } = await bootstrap.invoke({ trigger: 'event' });
      const environment = JSON.parse(body.toString()) as object;
      expect(environment).toMatchObject({
        LEVEL: 'info',
        HOME: '/tmp',
        AWS_LAMBDA_FUNCTION_NAME: 'tested',
        LAMBDA_TASK_ROOT: '/var/task',
      });
      expect(environment).not.toHaveProperty('LEAKED');
    });

    test.each(Object.entries(sources.notLoading))('fails to load with %s', async (type, source) => {
      const { name, payload } = await load(source);
      expect(name).toBe('initFailed');
      expect(JSON.parse(payload.toString())).toMatchObject({ type });
    });

    test('ends when the host closes the channel', async () => {
      await load(sources.echo);
      bootstrap.closeChannel();
      expect(await bootstrap.exited).toBe(0);
    });
  });
}

function isOf(payload: Buffer, id: Buffer): boolean {
  return payload.subarray(0, id.length).equals(id);
}
