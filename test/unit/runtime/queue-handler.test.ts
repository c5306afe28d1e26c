import { afterEach, describe, expect, test } from 'vitest';
import { StartedBootstrap } from '../../support/started-bootstrap.ts';

let bootstrap: StartedBootstrap;
afterEach(() => bootstrap[Symbol.asyncDispose]());

const message = (id: string) => ({ id, attempts: 1, timestampMs: 1_000 });

async function batchOf(source: string, ids: readonly string[], isBatch = true): Promise<unknown> {
  bootstrap = new StartedBootstrap();
  await bootstrap.load(source);
  const records = ids.map((id) => ({ messageId: id, body: JSON.stringify({ n: id }) }));
  const { body } = await bootstrap.invoke({
    trigger: 'event',
    method: 'POST',
    body: JSON.stringify(isBatch ? { Records: records } : { n: ids[0] }),
    queue: { name: 'uploads', isBatch, messages: ids.map(message) },
  });
  return JSON.parse(body.toString());
}

describe('a queue handler', () => {
  test('gets the messages with their bodies, and says which failed', async () => {
    const source = `export default { queue(batch, env, ctx) {
      for (const message of batch.messages) if (message.body.n === 'b') message.retry();
      if (batch.queue !== 'uploads' || !ctx.invocationId) throw new Error('incomplete');
    } }`;
    expect(await batchOf(source, ['a', 'b', 'c'])).toEqual({
      batchItemFailures: [{ itemIdentifier: 'b' }],
    });
  });

  test('gets one message alike, and its value is the result', async () => {
    const source = `export default { queue: ({ messages: [{ body, timestamp, attempts }] }) =>
      ({ n: body.n, time: timestamp.getTime(), attempts }) }`;
    expect(await batchOf(source, ['a'], false)).toEqual({ n: 'a', time: 1_000, attempts: 1 });
  });

  test("gives the parent of a flow its children's values, and any other none", async () => {
    bootstrap = new StartedBootstrap();
    await bootstrap.load(`export default { queue: ({ messages }) =>
      messages.map(({ childrenValues }) => childrenValues) }`);
    const records = ['a', 'b'].map((id) => ({ messageId: id, body: '{}' }));
    const childrenValues = { 'bull:parts:7': { pages: 3 } };
    const { body } = await bootstrap.invoke({
      trigger: 'event',
      method: 'POST',
      body: JSON.stringify({ Records: records }),
      queue: {
        name: 'uploads',
        isBatch: true,
        messages: [{ ...message('a'), childrenValues }, message('b')],
      },
    });
    expect(JSON.parse(body.toString())).toEqual([childrenValues, {}]);
  });

  test('tells how far it is with each message, before its answer', async () => {
    bootstrap = new StartedBootstrap();
    await bootstrap.load(`export default { queue: ({ messages: [{ progress }] }) => {
      progress(40);
      progress({ step: 'b' });
      try { progress('x'.repeat(5000)); } catch (error) { return error.name; }
    } }`);
    const queue = { name: 'uploads', isBatch: false, messages: [message('a')] };
    const id = bootstrap.send({ trigger: 'event', method: 'POST', body: '{}', queue });
    const told: string[] = [];
    for (let frames = 0; frames < 2; frames += 1) {
      const { payload } = await bootstrap.next(({ name }) => name === 'progress');
      expect(payload.readUInt32BE(8)).toBe(0);
      told.push(payload.toString('utf8', 12));
    }
    expect(told).toEqual(['40', '{"step":"b"}']);
    expect((await bootstrap.answer(id)).body.toString()).toBe('"RangeError"');
  });

  test('stands beside a fetch handler, which gets everything else', async () => {
    bootstrap = new StartedBootstrap();
    await bootstrap.load(
      `export default { queue: () => 'queue', fetch: () => new Response('web') }`,
    );
    expect((await bootstrap.invoke()).body.toString()).toBe('web');
  });

  test('that stands alone says so to whoever calls it otherwise', async () => {
    bootstrap = new StartedBootstrap();
    await bootstrap.load(`export default { queue: () => 'queue' }`);
    const { error } = await bootstrap.invoke();
    expect(error?.type).toBe('Runtime.HandlerNotFound');
  });
});
