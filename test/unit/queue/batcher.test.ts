import { expect, test } from 'vitest';
import { Batcher } from '../../../src/queue/batcher.ts';

test('items go together up to a size, and so many batches at a time', async () => {
  const batches: number[][] = [];
  const gates: (() => void)[] = [];
  const batcher = new Batcher<number, number>({
    size: 3,
    maxConcurrency: 2,
    lingerMs: 60_000,
    run: async (items) => {
      batches.push([...items]);
      await new Promise<void>((resolve) => gates.push(resolve));
      return items.map((item) => item * 10);
    },
  });
  const results = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((item) => batcher.add(item));
  expect(batches).toEqual([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  gates[0]?.();
  await results[0];
  expect(batches).toHaveLength(3);
  gates[1]?.();
  gates[2]?.();
  expect(await Promise.all(results)).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90]);
});

test('an item does not wait for ever for others, and a failure is told to all of its batch', async () => {
  const batcher = new Batcher<number, number>({
    size: 3,
    maxConcurrency: 1,
    lingerMs: 1,
    run: () => Promise.reject(new Error('broke')),
  });
  const both = await Promise.allSettled([batcher.add(1), batcher.add(2)]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
});
