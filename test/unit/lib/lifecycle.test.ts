import { describe, expect, test } from 'vitest';
import type { Service } from '../../../src/domain/service.ts';
import { ServiceGroup } from '../../../src/lib/lifecycle.ts';

const never = new AbortController().signal;

function recorder(events: string[]) {
  return (name: string, failure: { start?: Error; stop?: Error } = {}): Service => ({
    name,
    async start() {
      events.push(`start ${name}`);
      if (failure.start) throw failure.start;
    },
    async stop() {
      events.push(`stop ${name}`);
      if (failure.stop) throw failure.stop;
    },
  });
}

describe('a group of services', () => {
  test('starts in order and stops in reverse', async () => {
    const events: string[] = [];
    const service = recorder(events);
    const group = new ServiceGroup('group', [service('a'), service('b')]);
    await group.start(never);
    await group.stop(never);
    expect(events).toEqual(['start a', 'start b', 'stop b', 'stop a']);
  });

  test('stops what had started when a start fails, the failed one included', async () => {
    const events: string[] = [];
    const service = recorder(events);
    const failure = new Error('no');
    const group = new ServiceGroup('group', [
      service('a'),
      service('b', { start: failure }),
      service('c'),
    ]);
    await expect(group.start(never)).rejects.toBe(failure);
    expect(events).toEqual(['start a', 'start b', 'stop b', 'stop a']);
  });

  test('tries every stop and reports every error', async () => {
    const events: string[] = [];
    const service = recorder(events);
    const group = new ServiceGroup('group', [
      service('a', { stop: new Error('first') }),
      service('b', { stop: new Error('second') }),
    ]);
    await group.start(never);
    await expect(group.stop(never)).rejects.toMatchObject({
      errors: [{ cause: { message: 'second' } }, { cause: { message: 'first' } }],
    });
    expect(events.slice(2)).toEqual(['stop b', 'stop a']);
  });

  test('stops once, however often it is asked', async () => {
    const events: string[] = [];
    const group = new ServiceGroup('group', [recorder(events)('a')]);
    await group.start(never);
    await Promise.all([group.stop(never), group.stop(never)]);
    expect(events).toEqual(['start a', 'stop a']);
  });
});
