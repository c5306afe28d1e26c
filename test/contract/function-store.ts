import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FunctionStore } from '../../src/domain/function.ts';
import { digestOf, recordOf, specOf } from '../support/function-records.ts';

export interface FunctionStoreFixture {
  readonly store: FunctionStore;
  close(): Promise<void>;
}

/** What every FunctionStore promises (src/domain/function.ts). */
export function functionStoreContract(
  name: string,
  create: () => Promise<FunctionStoreFixture>,
): void {
  describe(`${name} as a FunctionStore`, () => {
    let fixture: FunctionStoreFixture;
    let store: FunctionStore;
    const hello = specOf('hello', { env: { LEVEL: 'info' }, http: { auth: 'key', methods: [] } });

    beforeEach(async () => {
      fixture = await create();
      ({ store } = fixture);
    });
    afterEach(() => fixture.close());

    it('knows nothing at first', () => {
      expect(store.get('hello')).toBeUndefined();
      expect(store.list()).toEqual([]);
    });

    it('gives back what was put as soon as the put resolves', async () => {
      await store.put(recordOf(hello));
      expect(store.get('hello')).toEqual(recordOf(hello));
      await store.put(recordOf(specOf('other')));
      expect(store.list()).toHaveLength(2);
    });

    it('replaces a record by its next revision', async () => {
      await store.put(recordOf(hello));
      await store.put(recordOf(hello, 2, digestOf('b')));
      expect(store.get('hello')?.live).toBe(digestOf('b'));
      expect(store.list()).toHaveLength(1);
    });

    it.each([
      ['a second first revision', 1],
      ['a revision that skips one', 3],
    ])('refuses %s and keeps what it has', async (_what, revision) => {
      await store.put(recordOf(hello));
      const put = store.put(recordOf(hello, revision, digestOf('b')));
      await expect(put).rejects.toMatchObject({ code: 'conflict' });
      expect(store.get('hello')).toEqual(recordOf(hello));
    });

    it('lets one of two writers of the same revision win', async () => {
      const puts = ['a', 'b'].map((digit) => store.put(recordOf(hello, 1, digestOf(digit))));
      const results = await Promise.allSettled(puts);
      expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
      const winner = digestOf(results[0]?.status === 'fulfilled' ? 'a' : 'b');
      expect(store.get('hello')?.live).toBe(winner);
    });

    it('removes once, says so, and begins again at revision 1', async () => {
      await store.put(recordOf(hello));
      await store.put(recordOf(hello, 2));
      expect(await store.remove('hello')).toBe(true);
      expect(store.get('hello')).toBeUndefined();
      expect(await store.remove('hello')).toBe(false);
      await store.put(recordOf(hello));
      expect(store.get('hello')?.revision).toBe(1);
    });
  });
}
