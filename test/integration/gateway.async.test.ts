import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RunningGateway, withKey, type Answer } from '../support/running-gateway.ts';

let running: RunningGateway;
beforeEach(async () => {
  running = await RunningGateway.start();
  await running.addFunction('mail');
});
afterEach(() => running[Symbol.asyncDispose]());

function invoke(headers: Record<string, string>): Promise<Answer> {
  return running.send('POST', '/v1/functions/mail/invocations', {
    headers: { ...withKey, ...headers },
    body: '{}',
  });
}

const enqueue = (headers: Record<string, string> = {}): Promise<Answer> =>
  invoke({ prefer: 'respond-async', ...headers });

describe('an invocation that nobody waits for', () => {
  test('may be asked for later, for a while only, and after others', async () => {
    const answer = await enqueue({
      'x-hearth-delay': '90s',
      'x-hearth-max-age': '1h',
      'x-hearth-priority': '7',
    });
    expect(answer.status).toBe(202);
    expect(running.invocations.enqueued).toMatchObject([
      { delayMs: 90_000, maxAgeMs: 3_600_000, priority: 7 },
    ]);
    const record = await running.send('GET', answer.headers.location ?? '', { headers: withKey });
    const { acceptedAt, dueAt, expiresAt, priority } = JSON.parse(record.text) as Record<
      string,
      string
    >;
    expect(Date.parse(dueAt!) - Date.parse(acceptedAt!)).toBe(90_000);
    expect(Date.parse(expiresAt!) - Date.parse(dueAt!)).toBe(3_600_000);
    expect(priority).toBe(7);
  });

  test.each([
    [{ 'x-hearth-delay': 'tomorrow' }, 'async.invalid_time'],
    [{ 'x-hearth-max-age': '32d' }, 'async.invalid_time'],
    [{ 'x-hearth-priority': '1001' }, 'async.invalid_priority'],
    [{ 'x-hearth-priority': '-1' }, 'async.invalid_priority'],
  ])('is refused with %o', async (headers, reason) => {
    const { status, text } = await enqueue(headers);
    expect({ status, text }).toMatchObject({ status: 400, text: expect.stringContaining(reason) });
    expect(running.invocations.enqueued).toEqual([]);
  });

  test('is told apart from one that is waited for, which cannot come later', async () => {
    const { status, text } = await invoke({ 'x-hearth-delay': '90s' });
    expect({ status, text }).toMatchObject({
      status: 400,
      text: expect.stringContaining('Prefer: respond-async'),
    });
  });
});

describe('GET /v1/invocations/<id>/events', () => {
  test('tells its state, and each change until the end', async () => {
    const { headers } = await enqueue();
    const id = String(headers['x-hearth-invocation-id']);
    const response = await running.open('GET', `/v1/invocations/${id}/events`, {
      headers: withKey,
    });
    expect(response.headers['content-type']).toBe('text/event-stream');
    let text = '';
    let isRunning = false;
    let hasEnded = false;
    for await (const piece of response) {
      text += String(piece);
      if (text.includes('event: queued') && !isRunning) {
        isRunning = true;
        running.invocations.change(id, { state: 'running', revision: 2 });
      }
      if (text.includes('event: running') && !hasEnded) {
        hasEnded = true;
        running.invocations.change(id, { state: 'done', revision: 3 });
      }
    }
    expect(text.match(/^id: .*\nevent: .*/gm)).toEqual([
      'id: 1\nevent: queued',
      'id: 2\nevent: running',
      'id: 3\nevent: done',
    ]);
    expect(text).toContain(`"invocationId":"${id}"`);
  });

  test('of one that is not there are refused', async () => {
    const answer = await running.send('GET', '/v1/invocations/none/events', { headers: withKey });
    expect(answer.status).toBe(404);
  });
});
