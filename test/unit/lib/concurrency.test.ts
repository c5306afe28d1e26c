import { describe, expect, test } from 'vitest';
import { KeyedMutex } from '../../../src/lib/keyed-mutex.ts';
import { SingleFlight } from '../../../src/lib/single-flight.ts';

describe('single flight', () => {
  test('creates once for all who ask meanwhile, and again afterwards', async () => {
    const flights = new SingleFlight<string, number>();
    let created = 0;
    const create = async () => ++created;
    expect(await Promise.all([flights.run('a', create), flights.run('a', create)])).toEqual([1, 1]);
    expect(await flights.run('a', create)).toBe(2);
  });

  test('shares a failure and forgets it', async () => {
    const flights = new SingleFlight<string, number>();
    const fail = () => Promise.reject(new Error('no'));
    await expect(flights.run('a', fail)).rejects.toThrow('no');
    expect(await flights.run('a', async () => 1)).toBe(1);
  });
});

describe('a keyed mutex', () => {
  test('runs tasks of one key in order, a failed one included', async () => {
    const mutex = new KeyedMutex<string>();
    const events: string[] = [];
    const gate = Promise.withResolvers<void>();
    const first = mutex.run('a', async () => {
      await gate.promise;
      events.push('first');
      throw new Error('no');
    });
    const second = mutex.run('a', async () => events.push('second'));
    await mutex.run('b', async () => events.push('other key'));
    gate.resolve();
    await expect(first).rejects.toThrow('no');
    await second;
    expect(events).toEqual(['other key', 'first', 'second']);
  });
});
