import { readFileSync } from 'node:fs';

/** Rows of /proc/self/limits, by the names that setrlimit(2) uses. */
const rows: Readonly<Record<string, string>> = {
  RLIMIT_NOFILE: 'Max open files',
  RLIMIT_CORE: 'Max core file size',
  RLIMIT_MEMLOCK: 'Max locked memory',
  RLIMIT_NPROC: 'Max processes',
  RLIMIT_FSIZE: 'Max file size',
  RLIMIT_STACK: 'Max stack size',
};

/** What this process may raise a limit to: Infinity where there is none, or none is known. */
export function hardLimit(type: string): number {
  return parseHardLimit(readFileSync('/proc/self/limits', 'utf8'), type);
}

export function parseHardLimit(text: string, type: string): number {
  const row = rows[type];
  const line = row && text.split('\n').find((line) => line.startsWith(`${row} `));
  const [, hard] = line ? line.slice(row.length).trim().split(/\s+/) : [];
  return hard === undefined || hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard);
}
