import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { BlobBars, ProgressLine } from '../../../src/cli/progress-line.ts';

const { isTTY } = process.stderr;
let written: string[];
beforeEach(() => {
  vi.useFakeTimers();
  written = [];
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written.push(String(text).replaceAll('\r\u001b[K', '<'));
    return true;
  });
  process.stderr.isTTY = true;
});
afterEach(() => {
  process.stderr.isTTY = isTTY;
  vi.restoreAllMocks();
  vi.useRealTimers();
});

test('what takes less than a second is not worth a word', () => {
  {
    using line = new ProgressLine('building');
    line.show('packing');
    vi.advanceTimersByTime(900);
  }
  vi.advanceTimersByTime(5000);
  expect(written).toEqual([]);
});

test('what takes longer is told each second, in one line that is gone in the end', () => {
  {
    using line = new ProgressLine('building');
    vi.advanceTimersByTime(2000);
    line.show('packing');
    vi.advanceTimersByTime(1000);
  }
  expect(written).toEqual(['<building, 1 s', '<building, 2 s', '<packing, 3 s', '<']);
});

test('nothing is told where nobody looks', () => {
  process.stderr.isTTY = false;
  using _line = new ProgressLine('building');
  vi.advanceTimersByTime(3000);
  expect(written).toEqual([]);
});

test('blobs are counted together', () => {
  const blobs = new BlobBars();
  blobs.with({ digest: 'sha256:a', doneBytes: 1024, totalBytes: 1024 });
  expect(blobs.with({ digest: 'sha256:b', doneBytes: 0, totalBytes: 1024 })).toBe(
    '██████████░░░░░░░░░░ 1.0 KiB of 2.0 KiB, 1 of 2 blobs',
  );
});
