import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LogEntry, LogStore } from '../../src/domain/log.ts';

export interface LogStoreFixture {
  readonly store: LogStore;
  close(): Promise<void>;
}

const line = (timeMs: number, more: Partial<LogEntry> = {}): LogEntry => ({
  functionName: 'hello',
  timeMs,
  stream: 'stdout',
  text: `line ${timeMs}`,
  ...more,
});
const all = { functionName: 'hello', limit: 1_000 };

/** What every LogStore promises (src/domain/log.ts). */
export function logStoreContract(name: string, create: () => Promise<LogStoreFixture>): void {
  describe(`${name} as a LogStore`, () => {
    let fixture: LogStoreFixture;
    let store: LogStore;
    beforeEach(async () => {
      fixture = await create();
      ({ store } = fixture);
    });
    afterEach(() => fixture.close());

    it('knows nothing of a function that wrote nothing', async () => {
      expect(await store.read(all)).toEqual([]);
    });

    it('reads what was appended just before, oldest first and unchanged', async () => {
      const entries = [
        line(1, { text: 'ein Töpfchen "Käse" \u2028 ✓', invocationId: 'one' }),
        line(2, { stream: 'stderr', text: '' }),
        line(3),
      ];
      for (const entry of entries) store.append(entry);
      expect(await store.read(all)).toEqual(entries);
    });

    it('keeps functions apart', async () => {
      store.append(line(1));
      store.append(line(2, { functionName: 'other' }));
      expect(await store.read(all)).toEqual([line(1)]);
    });

    it('gives the newest lines that fit the limit', async () => {
      for (let time = 1; time <= 10; time += 1) store.append(line(time));
      const entries = await store.read({ ...all, limit: 3 });
      expect(entries.map(({ timeMs }) => timeMs)).toEqual([8, 9, 10]);
    });

    it('gives the lines of one invocation, and those from a time on', async () => {
      for (let time = 1; time <= 6; time += 1) {
        store.append(line(time, { invocationId: time % 2 ? 'odd' : 'even' }));
      }
      const odd = await store.read({ ...all, invocationId: 'odd', limit: 2 });
      expect(odd.map(({ timeMs }) => timeMs)).toEqual([3, 5]);
      const late = await store.read({ ...all, sinceMs: 5 });
      expect(late.map(({ timeMs }) => timeMs)).toEqual([5, 6]);
    });

    it('follows: first what it reads, then what is appended, nothing twice', async () => {
      store.append(line(1, { invocationId: 'other' }));
      for (const time of [2, 3]) store.append(line(time, { invocationId: 'one' }));
      const ended = new AbortController();
      const times: number[] = [];
      for await (const { timeMs } of store.follow({ ...all, invocationId: 'one' }, ended.signal)) {
        times.push(timeMs);
        if (timeMs === 3) {
          store.append(line(4, { invocationId: 'other' }));
          store.append(line(5, { invocationId: 'one' }));
        }
        if (timeMs === 5) ended.abort();
      }
      expect(times).toEqual([2, 3, 5]);
    });

    it('follows a function that has written nothing yet', async () => {
      const ended = new AbortController();
      const following = store.follow(all, ended.signal);
      const first = following[Symbol.asyncIterator]().next();
      await store.read(all);
      store.append(line(1));
      expect(await first).toEqual({ done: false, value: line(1) });
      ended.abort();
    });

    it('forgets a function that is removed, and may hear of it again', async () => {
      store.append(line(1));
      await store.remove('hello');
      await store.remove('never-was');
      expect(await store.read(all)).toEqual([]);
      store.append(line(2));
      expect(await store.read(all)).toEqual([line(2)]);
    });
  });
}
