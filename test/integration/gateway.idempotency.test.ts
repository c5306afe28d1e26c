import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { HostError } from '../../src/domain/errors.ts';
import { keptAnswerBytes } from '../../src/gateway/kept-reply.ts';
import { RunningGateway, withKey, type Answer } from '../support/running-gateway.ts';

let running: RunningGateway;
beforeEach(async () => {
  running = await RunningGateway.start();
  await running.addFunction('pay');
});
afterEach(() => running[Symbol.asyncDispose]());

function pay(body: string, headers: Record<string, string> = {}): Promise<Answer> {
  return running.send('POST', '/v1/functions/pay/invocations', {
    headers: { ...withKey, 'idempotency-key': 'order-1', ...headers },
    body,
  });
}

const ran = () => running.worker.invocations.length;

describe('a request with an Idempotency-Key', () => {
  test('runs once, and whoever asks again gets the same answer', async () => {
    running.worker.script = (invocation) =>
      invocation.answer(`paid ${invocation.body.toString()}`, {
        status: 201,
        headers: [['x-receipt', '7']],
      });
    const first = await pay('1');
    const again = await pay('1');
    expect(first).toMatchObject({ status: 201, text: 'paid 1' });
    expect(again).toMatchObject({ status: 201, text: 'paid 1' });
    expect(again.headers).toMatchObject({
      'x-receipt': '7',
      'idempotency-replayed': 'true',
      'x-hearth-invocation-id': first.headers['x-hearth-invocation-id'],
    });
    expect(first.headers['idempotency-replayed']).toBeUndefined();
    expect(ran()).toBe(1);
  });

  test('gets the same failure again where the function failed', async () => {
    running.worker.script = (invocation) =>
      invocation.end({ kind: 'function_error', error: { type: 'Error', message: 'broke' } });
    expect((await pay('1')).status).toBe(502);
    expect((await pay('1')).status).toBe(502);
    expect(ran()).toBe(1);
  });

  test('may be tried again where the host could not run it', async () => {
    const full = new HostError('unavailable', 'pool.full', 'no room');
    running.worker.script = (invocation) => invocation.end(full);
    expect((await pay('1')).status).toBe(503);
    running.worker.script = (invocation) => invocation.answer('paid');
    expect((await pay('1')).text).toBe('paid');
  });

  test('is refused while the first is under way, and for another body', async () => {
    const begun = Promise.withResolvers<() => void>();
    running.worker.script = (invocation) => begun.resolve(() => invocation.answer('paid'));
    const first = pay('1');
    const finish = await begun.promise;
    expect((await pay('1')).status).toBe(409);
    expect((await pay('2')).status).toBe(422);
    finish();
    expect((await first).text).toBe('paid');
  });

  test('is free again when its caller left before the end', async () => {
    const begun = Promise.withResolvers<void>();
    running.worker.script = () => begun.resolve();
    const leaving = new AbortController();
    const headers = { ...withKey, 'idempotency-key': 'order-1' };
    const options = { headers, body: '1', signal: leaving.signal };
    const left = running.send('POST', '/v1/functions/pay/invocations', options).catch(() => 'left');
    await begun.promise;
    leaving.abort();
    expect(await left).toBe('left');
    running.worker.script = (invocation) => invocation.answer('paid');
    await vi.waitFor(async () => expect((await pay('1')).text).toBe('paid'));
  });

  test('passes a large answer on, of which only that it was there is kept', async () => {
    const large = 'x'.repeat(keptAnswerBytes + 1);
    running.worker.script = (invocation) => invocation.answer(large);
    expect((await pay('1')).text).toBe(large);
    const again = await pay('1');
    expect(again.status).toBe(409);
    expect(again.headers['x-hearth-error']).toBe('idempotency.answer_not_kept');
  });

  test('is accepted once where nobody waits for it', async () => {
    const first = await pay('1', { prefer: 'respond-async' });
    const again = await pay('1', { prefer: 'respond-async' });
    expect([first.status, again.status]).toEqual([202, 202]);
    expect(again.headers.location).toBe(first.headers.location);
    expect(running.invocations.enqueued).toHaveLength(1);
    expect((await pay('2', { prefer: 'respond-async' })).status).toBe(422);
  });

  test('is enqueued by a second try where the first did not come so far', async () => {
    const enqueue = vi.spyOn(running.invocations, 'enqueue');
    enqueue.mockRejectedValueOnce(new HostError('unavailable', 'redis.unavailable', 'away'));
    expect((await pay('1', { prefer: 'respond-async' })).status).toBe(503);
    expect((await pay('1', { prefer: 'respond-async' })).status).toBe(202);
    expect(running.invocations.enqueued).toHaveLength(1);
  });
});
