import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startHost, type RunningHost } from '../support/running-host.ts';
import { Bystander, hostileFunction } from './bystander.ts';

let host: RunningHost;
let bystander: Bystander;
beforeAll(async () => {
  host = await startHost();
  bystander = new Bystander(host);
  await bystander.deploy();
  for (const name of ['glutton', 'squatter']) {
    const { exitCode, stderr } = await host.hearth('deploy', hostileFunction(name));
    expect(exitCode, stderr).toBe(0);
  }
  const quietly = delay(2_000); // what the figures beside each attempt are compared with
  await bystander.beside('nothing', quietly);
});
afterAll(() => host?.[Symbol.asyncDispose]());

interface Answer {
  readonly status: number;
  readonly reason: string | null;
  readonly text: string;
}

async function answerOf(answer: Promise<Response>): Promise<Answer> {
  const { status, headers } = await answer;
  return { status, reason: headers.get('x-hearth-error'), text: await (await answer).text() };
}

const take = (greed: string) =>
  answerOf(
    host.fetchWithKey('/v1/functions/glutton/invocations', {
      method: 'POST',
      body: JSON.stringify({ greed }),
    }),
  );

const squat = (way: string) => answerOf(host.fetch(`/fn/squatter${way}`));

interface Refusal {
  readonly count: number;
  readonly refusal: string;
}

const taken = ({ status, text }: Answer): Refusal => {
  expect(status, text).toBe(200);
  return JSON.parse(text) as Refusal;
};

describe('beside a working neighbour, a function that takes', () => {
  test('processes without end is ended, at its deadline or by its memory', async () => {
    const { reason } = await bystander.beside('a fork bomb', take('processes'));
    expect(['timeout.run', 'function.out_of_memory']).toContain(reason);
  });

  test('processes gets no more than it may have', async () => {
    const { count, refusal } = taken(await bystander.beside('many processes', take('children')));
    expect(refusal).toBe('EAGAIN');
    expect(count).toBeLessThan(256);
  });

  test('memory is ended when it has had its share', async () => {
    const answer = await bystander.beside('memory', take('memory'));
    expect([answer.status, answer.reason]).toEqual([502, 'function.out_of_memory']);
  });

  test('disk gets as much as its scratch volume has', async () => {
    const { count, refusal } = taken(await bystander.beside('disk', take('disk')));
    expect(refusal).toBe('ENOSPC');
    expect(count).toBeLessThanOrEqual((16 * 1024) / 64);
  });

  test('inodes gets as many as its scratch volume has', async () => {
    const { count, refusal } = taken(await bystander.beside('inodes', take('inodes')));
    expect(refusal).toBe('ENOSPC');
    expect(count).toBeLessThanOrEqual(4096);
  });

  test('descriptors gets 1,024', async () => {
    const { count, refusal } = taken(await bystander.beside('descriptors', take('descriptors')));
    expect(refusal).toBe('EMFILE');
    expect(count).toBeLessThan(1024);
  });

  test('shared memory gets 1 MiB', async () => {
    const { count, refusal } = taken(
      await bystander.beside('shared memory', take('shared_memory')),
    );
    expect(refusal).toBe('ENOSPC');
    expect(count).toBeLessThanOrEqual(16);
  });

  test('the processor, deaf to signals, is ended at its deadline', async () => {
    const answer = await bystander.beside('the processor', take('processor'));
    expect([answer.status, answer.reason]).toEqual([504, 'timeout.run']);
  });

  test('the log is heard for 1 MiB', async () => {
    const answer = await bystander.beside('100 MB of output', take('output'));
    expect([200, 504]).toContain(answer.status); // how long it may take is not the matter here
    const { stdout } = await host.hearth('logs', 'glutton', '--json');
    expect(stdout.length).toBeLessThan(4 * 1024 * 1024);
  });

  test.each(['forged_answer', 'endless_frame'])(
    'the channel for a %s loses its sandbox',
    async (greed) => {
      const answer = await bystander.beside(greed, take(greed));
      expect([answer.status, answer.reason]).toEqual([502, 'function.crashed']);
      expect(answer.text).not.toContain('forged');
    },
  );
});

describe('beside a working neighbour, a function that', () => {
  test('answers without end is ended at its deadline, and its caller sees it', async () => {
    const broken = expect(squat('/endless')).rejects.toThrow('terminated');
    await bystander.beside('an endless answer', broken);
  });

  test.each([
    ['/never', 504, 'timeout.run'],
    ['/exit', 502, 'function.crashed'],
    ['/abort', 502, 'function.crashed'],
    ['/kill', 502, 'function.crashed'],
  ])('does %s fails for that', async (way, status, reason) => {
    const answer = await bystander.beside(way, squat(way));
    expect([answer.status, answer.reason]).toEqual([status, reason]);
  });

  test('fails after its answer harms one more call of its own at the most', async () => {
    expect((await squat('/late-rejection')).text).toBe('answered');
    await bystander.beside('a late rejection', delay(300)); // it may happen now, or at the next call
    const { status, reason } = await squat('/keep');
    expect(['200 null', '502 function.crashed']).toContain(`${status} ${reason}`);
    expect((await squat('/keep')).text).toBe('kept');
  });

  test('goes on after its answer stands still', async () => {
    await squat('/ticking');
    await bystander.beside('timers after the answer', delay(1_500));
    expect(Number((await squat('/ticks')).text)).toBeLessThan(1_000);
  });

  test.each(['/long-headers', '/split-header'])('answers with %s harms nobody', async (way) => {
    const answer = await bystander.beside(way, squat(way));
    expect([answer.status, answer.text.includes('stolen')]).toEqual([502, false]);
  });
});

describe('what one function keeps', () => {
  beforeEach(async () => {
    await squat('/keep');
  });

  test('no other finds', async () => {
    const seen = await host.fetchWithKey('/v1/functions/glutton/invocations', {
      method: 'POST',
      body: JSON.stringify({ greed: 'inodes' }),
    });
    expect(seen.status).toBe(200); // every name was free in its own scratch volume
    const { environment } = JSON.parse((await squat('/look')).text) as { environment: string[] };
    expect(
      environment.filter((name) => /HEARTH_(?!FUNCTION|VERSION)|KEY|TOKEN|SECRET/.test(name)),
    ).toEqual([]);
  });
});
