import { parseArgs } from 'node:util';
import { soak } from './soak.ts';

// npm run soak -- --count 100000 --minutes 30: asynchronous invocations while everything is killed at
// random, until so many were accepted or the time is over; then all of them have to end.
const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '100000' },
    workers: { type: 'string', default: '2' },
    functions: { type: 'string', default: '50' },
    minutes: { type: 'string', default: '30' },
  },
});
const started = performance.now();
const report = await soak({
  count: Number(values.count),
  workers: Number(values.workers),
  functions: Number(values.functions),
  killWithinMs: 3_000,
  acceptLimitMs: Number(values.minutes) * 60_000,
  settleLimitMs: 900_000,
  onProgress: (line) => console.error(line),
});
const seconds = Math.round((performance.now() - started) / 1000);
console.log(JSON.stringify({ ...report, seconds }, undefined, 2));
process.exitCode = report.wrong.length === 0 ? 0 : 1;
