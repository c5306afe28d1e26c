import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Fact } from '../../src/domain/facts.ts';
import { RunningGateway, withKey } from '../support/running-gateway.ts';

let running: RunningGateway;
beforeEach(async () => {
  running = await RunningGateway.start();
});
afterEach(() => running[Symbol.asyncDispose]());

const removed = (functionName: string): Fact => ({
  type: 'function.removed',
  timeMs: 1_000,
  data: { functionName },
});
const leftovers: Fact = {
  type: 'sandbox.leftovers_removed',
  timeMs: 2_000,
  data: { cgroups: 1, processes: 2 },
};

/** Opens a stream; `until` gives the text so far once it holds something. */
async function open(path: string, headers: Record<string, string> = {}) {
  const response = await running.open('GET', path, { headers: { ...withKey, ...headers } });
  expect(response.headers['content-type']).toBe('text/event-stream');
  let text = '';
  response.on('data', (piece: Buffer) => (text += piece.toString()));
  const until = async (wanted: string): Promise<string> => {
    await vi.waitFor(() => expect(text).toContain(wanted), { timeout: 10_000, interval: 5 });
    return text;
  };
  return { response, until };
}

const closed = (response: IncomingMessage) => once(response.destroy(), 'close');

describe('GET /events', () => {
  it('tells facts as CloudEvents, with the id to resume from', async () => {
    const { response, until } = await open('/events');
    const { id } = running.feed.publish(removed('hello'));
    const text = await until('function.removed');
    expect(text).toContain(`id: ${id}\nevent: function.removed\ndata: `);
    expect(JSON.parse(/data: (.*)/.exec(text)?.[1] ?? '')).toEqual({
      specversion: '1.0',
      id,
      source: '/hearth/test',
      type: 'dev.hearth.function.removed',
      time: '1970-01-01T00:00:01.000Z',
      datacontenttype: 'application/json',
      data: { functionName: 'hello' },
    });
    await closed(response);
  });

  it.each([
    ['type=function.removed', false],
    ['type=invocation.completed,sandbox.*', true],
    ['function=hello', false],
  ])('tells only what %s asks for', async (query, wantsLeftovers) => {
    const { response, until } = await open(`/events?${query}`);
    running.feed.publish(removed('other'));
    running.feed.publish(leftovers);
    running.feed.publish(removed('hello'));
    const text = await until(wantsLeftovers ? 'leftovers_removed' : '"hello"');
    expect(text.includes('leftovers_removed')).toBe(wantsLeftovers);
    expect(text.includes('"other"')).toBe(query === 'type=function.removed');
    await closed(response);
  });

  it('gives who resumes what was missed, then what comes', async () => {
    const first = running.feed.publish(removed('seen'));
    running.feed.publish(removed('missed'));
    const { response, until } = await open('/events', { 'last-event-id': first.id });
    await until('"missed"');
    running.feed.publish(removed('later'));
    const text = await until('"later"');
    expect(text).not.toContain('"seen"');
    await closed(response);
  });

  it('forgets who has left', async () => {
    const before = running.feed.listeners;
    const { response } = await open('/events');
    expect(running.feed.listeners).toBe(before + 1);
    await closed(response);
    await vi.waitFor(() => expect(running.feed.listeners).toBe(before));
  });

  it('ends with the gateway, which does not wait for its readers', async () => {
    const { response } = await open('/events');
    const ended = once(response, 'end');
    await running.gateway.stop(AbortSignal.timeout(5_000));
    await ended;
  });

  it('needs a key', async () => {
    expect((await running.send('GET', '/events')).status).toBe(401);
    expect((await running.send('GET', '/metrics')).status).toBe(401);
  });
});

describe('logs that are followed', () => {
  it('come line by line until the reader leaves', async () => {
    await running.addFunction('hello');
    const { response, until } = await open('/v1/functions/hello/logs?follow=true&limit=5');
    running.followedLogs.write({ timeMs: 5, stream: 'stdout', text: 'hi', functionName: 'hello' });
    expect(await until('hi')).toContain('data: {"timeMs":5,"stream":"stdout","text":"hi"}');
    expect(running.logQueries).toEqual([{ functionName: 'hello', limit: 5 }]);
    await closed(response);
  });
});

describe('GET /metrics', () => {
  it('gives the page to who has a key', async () => {
    const answer = await running.send('GET', '/metrics', { headers: withKey });
    expect(answer).toMatchObject({ status: 200, text: 'hearth_up 1\n' });
  });
});
