import { describe, expect, test, vi } from 'vitest';
import { PieceQueue } from '../../../src/lib/piece-queue.ts';

const bytes = (text: string) => Buffer.from(text);
const quiet = { onTaken: () => {} };
const read = async (queue: PieceQueue) =>
  (await Array.fromAsync(queue)).map((piece) => Buffer.from(piece).toString());

describe('a queue of pieces', () => {
  test('gives what was pushed, before and after it was asked for', async () => {
    const queue = new PieceQueue(quiet);
    queue.push(bytes('a'));
    const reading = read(queue);
    await Promise.resolve();
    queue.push(bytes('b'));
    queue.end();
    queue.push(bytes('too late'));
    expect(await reading).toEqual(['a', 'b']);
  });

  test('tells what was taken, and that something is waited for', async () => {
    const onTaken = vi.fn<(bytes: number) => void>();
    const queue = new PieceQueue({ onTaken });
    const first = queue.next();
    queue.push(bytes('abc'));
    queue.push(bytes('de'));
    await first;
    expect(onTaken.mock.calls).toEqual([[0], [3]]);
    await queue.next();
    expect(onTaken.mock.calls).toEqual([[0], [3], [2]]);
  });

  test('gives what was there when it broke off, then why', async () => {
    const queue = new PieceQueue(quiet);
    queue.push(bytes('a'));
    queue.fail(new Error('broke off'));
    queue.end();
    expect((await queue.next()).value).toEqual(bytes('a'));
    await expect(queue.next()).rejects.toThrow('broke off');
  });

  test('fails for one who waits', async () => {
    const queue = new PieceQueue(quiet);
    const next = queue.next();
    queue.fail(new Error('broke off'));
    await expect(next).rejects.toThrow('broke off');
  });

  test('drops everything when nobody wants more, also for one who waits', async () => {
    const queue = new PieceQueue(quiet);
    const next = queue.next();
    await queue.return();
    queue.push(bytes('a'));
    queue.fail(new Error('heard by nobody'));
    expect(await next).toEqual({ done: true, value: undefined });
    expect(await queue.next()).toEqual({ done: true, value: undefined });
  });
});
