import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GroupCommit } from '../../../src/queue/group-commit.ts';

/** Commits that end when the test says so. */
function controlled(options: { maxBatch: number; maxInFlight: number; maxWaiting?: number }) {
  const batches: number[][] = [];
  const ends: PromiseWithResolvers<void>[] = [];
  const group = new GroupCommit<number>({
    maxWaiting: 1000,
    ...options,
    commit: (items) => {
      batches.push([...items]);
      const end = Promise.withResolvers<void>();
      ends.push(end);
      return end.promise;
    },
  });
  return { group, batches, ends };
}

describe('group commit', () => {
  test('commits a lone item at once', () => {
    const { group, batches } = controlled({ maxBatch: 64, maxInFlight: 1 });
    void group.add(1);
    expect(batches).toEqual([[1]]);
  });

  test('puts what gathers meanwhile into the next commit', async () => {
    const { group, batches, ends } = controlled({ maxBatch: 64, maxInFlight: 1 });
    const first = group.add(1);
    const others = [2, 3, 4].map((item) => group.add(item));
    ends[0]?.resolve();
    await first;
    expect(batches).toEqual([[1], [2, 3, 4]]);
    ends[1]?.resolve();
    await Promise.all(others);
  });

  test('fails exactly the items of a commit that fails', async () => {
    const { group, ends } = controlled({ maxBatch: 1, maxInFlight: 1 });
    const [failing, fine] = [group.add(1), group.add(2)];
    ends[0]?.reject(new Error('no'));
    await expect(failing).rejects.toThrow('no');
    ends[1]?.resolve();
    await fine;
  });

  test('refuses what would wait beyond the limit', async () => {
    const { group } = controlled({ maxBatch: 1, maxInFlight: 1, maxWaiting: 2 });
    for (const item of [1, 2, 3]) void group.add(item);
    await expect(group.add(4)).rejects.toMatchObject({ reason: 'lane.full', retryAfterMs: 1000 });
  });

  test('commits every item once, in order, within the sizes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 40 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 3 }),
        async (turns, maxBatch, maxInFlight) => {
          const batches: number[][] = [];
          let inFlight = 0;
          const group = new GroupCommit<number>({
            maxBatch,
            maxInFlight,
            maxWaiting: 1000,
            commit: async (items) => {
              inFlight += 1;
              expect(inFlight).toBeLessThanOrEqual(maxInFlight);
              batches.push([...items]);
              await Promise.resolve();
              inFlight -= 1;
            },
          });
          let sent = 0;
          const added: Promise<void>[] = [];
          for (const items of turns) {
            for (let i = 0; i < items; i++) added.push(group.add((sent += 1)));
            await Promise.resolve();
          }
          await Promise.all(added);
          expect(batches.flat()).toEqual(Array.from({ length: sent }, (_, i) => i + 1));
          for (const batch of batches) expect(batch.length).toBeLessThanOrEqual(maxBatch);
        },
      ),
    );
  });
});
