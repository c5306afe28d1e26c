import { appendFile, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LogEntry } from '../../../src/domain/log.ts';
import { FileLogStore } from '../../../src/telemetry/log-store.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hearth-logs-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const line = (timeMs: number): LogEntry => ({
  functionName: 'hello',
  timeMs,
  stream: 'stdout',
  text: 'x'.repeat(50),
});
const all = { functionName: 'hello', limit: 1_000 };
const times = (entries: readonly LogEntry[]) => entries.map(({ timeMs }) => timeMs);

describe('FileLogStore', () => {
  it('lets another process read what was written, and what is written later', async () => {
    const writer = new FileLogStore({ dir });
    const reader = new FileLogStore({ dir });
    for (const time of [1, 2]) {
      writer.append(line(time));
      await writer.stop();
      expect(times(await reader.read(all)).at(-1)).toBe(time);
    }
  });

  it('keeps the segment that is full and the one that is written, no older one', async () => {
    const store = new FileLogStore({ dir, segmentBytes: 300 });
    for (let time = 1; time <= 40; time += 1) {
      store.append(line(time));
      await store.stop();
    }
    expect(await readdir(join(dir, 'hello'))).toHaveLength(2);
    const kept = times(await store.read(all));
    expect(kept.at(-1)).toBe(40);
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, i) => 41 - kept.length + i));
    expect(kept.length).toBeGreaterThan(3);
  });

  it('goes on in the newest segment after a restart', async () => {
    for (const time of [1, 2, 3]) {
      const store = new FileLogStore({ dir, segmentBytes: 150 });
      store.append(line(time));
      await store.stop();
    }
    expect((await readdir(join(dir, 'hello'))).toSorted()).toEqual(['0.ndjson', '1.ndjson']);
    expect(times(await new FileLogStore({ dir }).read(all))).toEqual([1, 2, 3]);
  });

  it('goes on when another process has removed the folder', async () => {
    const writer = new FileLogStore({ dir });
    writer.append(line(1));
    await writer.stop();
    await new FileLogStore({ dir }).remove('hello');
    writer.append(line(2));
    expect(times(await writer.read(all))).toEqual([2]);
  });

  it('leaves out a line that is only half written', async () => {
    const store = new FileLogStore({ dir });
    store.append(line(1));
    await store.stop();
    await appendFile(join(dir, 'hello', '0.ndjson'), '{"timeMs":2,"str');
    expect(times(await store.read(all))).toEqual([1]);
  });

  it('counts lines that cannot be written, and throws nothing', async () => {
    await writeFile(join(dir, 'hello'), 'a file where the folder should be');
    const store = new FileLogStore({ dir });
    store.append(line(1));
    store.append(line(2));
    await store.stop();
    expect(store.dropped).toBe(2);
  });

  it('drops lines beyond what it may hold for a slow disk', async () => {
    const store = new FileLogStore({ dir });
    const big = { ...line(1), text: 'x'.repeat(6 * 1024 * 1024) };
    for (let count = 0; count < 4; count += 1) store.append(big);
    expect(store.dropped).toBe(2);
    await store.stop();
  });
});
