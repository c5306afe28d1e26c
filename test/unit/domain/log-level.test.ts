import { expect, test } from 'vitest';
import { logLevel } from '../../../src/domain/log-level.ts';

test.each([
  ['{"level":"warn","msg":"x"}', 'warn'],
  ['{"time":1,"level":50}', 'error'],
  ['{"level":"WARNING"}', 'warn'],
  ['{"level":"CRITICAL"}', 'fatal'],
  ['{"level":35}', undefined],
  ['{"level":"constructor"}', undefined],
  ['{"level":{}}', undefined],
  ['{"msg":"\\"level\\""}', undefined],
  ['{"level":"warn"', undefined],
  ['"level"', undefined],
  ['level=warn', undefined],
])('the level of %s is %s', (text, level) => {
  expect(logLevel(text)).toBe(level);
});
