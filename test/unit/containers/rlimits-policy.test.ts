import { expect, test } from 'vitest';
import { clampRlimits } from '../../../src/containers/rlimits-policy.ts';
import { hardLimit, parseHardLimit } from '../../../src/linux/resource-limits.ts';

const limits = `Limit                     Soft Limit           Hard Limit           Units
Max core file size        0                    unlimited            bytes
Max open files            1024                 4096                 files
Max locked memory         8388608              8388608              bytes
`;

test('a container asks for no more than its host may give', () => {
  const hard = (type: string) => parseHardLimit(limits, type);
  const rlimits = [
    { type: 'RLIMIT_NOFILE', soft: 1024, hard: 8192 },
    { type: 'RLIMIT_MEMLOCK', soft: 65_536, hard: 65_536 },
    { type: 'RLIMIT_CORE', soft: 7, hard: 7 },
    { type: 'RLIMIT_OF_TOMORROW', soft: 7, hard: 7 },
  ];
  expect(clampRlimits(rlimits, hard)).toEqual([
    { type: 'RLIMIT_NOFILE', soft: 1024, hard: 4096 },
    ...rlimits.slice(1),
  ]);
});

test("this process's own limits are known", () => {
  expect(hardLimit('RLIMIT_NOFILE')).toBeGreaterThan(0);
});
