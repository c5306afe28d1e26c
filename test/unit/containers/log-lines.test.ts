import { expect, test } from 'vitest';
import { LogLines } from '../../../src/containers/log-lines.ts';

function collect(limitBytes: number) {
  const lines: string[] = [];
  const log = new LogLines(limitBytes, ({ stream, text }) => lines.push(`${stream}: ${text}`));
  return { lines, log };
}

test('a character that was cut in two is whole again', () => {
  const { lines, log } = collect(1000);
  const bytes = Buffer.from('grüß\n');
  log.push('stdout', bytes.subarray(0, 3));
  log.push('stdout', bytes.subarray(3));
  expect(lines).toEqual(['stdout: grüß']);
});

test('the streams do not mix within a line', () => {
  const { lines, log } = collect(1000);
  log.push('stdout', Buffer.from('a'));
  log.push('stderr', Buffer.from('b\n'));
  log.push('stdout', Buffer.from('c\n'));
  expect(lines).toEqual(['stderr: b', 'stdout: ac']);
});

test('past the limit one marker is kept and nothing more', () => {
  const { lines, log } = collect(10);
  for (let i = 0; i < 100; i++) log.push('stdout', Buffer.from('0123456\n'));
  expect(lines).toEqual([
    'stdout: 0123456',
    'stdout: 0123456',
    'stderr: [hearth] output over 10 bytes is not kept',
  ]);
});

test('a line without end is cut, so that it cannot fill the memory', () => {
  const { lines, log } = collect(100_000);
  log.push('stdout', Buffer.from('x'.repeat(40_000)));
  log.flush();
  expect(lines.join('').replaceAll('stdout: ', '')).toBe('x'.repeat(40_000));
  expect(lines).toHaveLength(3);
});
