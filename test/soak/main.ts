import { parseArgs } from 'node:util';
import { soak } from './soak.ts';

// npm run soak -- --count 100000: asynchronous invocations while everything is killed at random.
const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '100000' },
    workers: { type: 'string', default: '2' },
    functions: { type: 'string', default: '50' },
  },
});
const started = performance.now();
const report = await soak({
  count: Number(values.count),
  workers: Number(values.workers),
  functions: Number(values.functions),
  killWithinMs: 3_000,
  settleLimitMs: 180_000,
});
const seconds = Math.round((performance.now() - started) / 1000);
console.log(JSON.stringify({ ...report, seconds }, undefined, 2));
process.exitCode = report.wrong.length === 0 ? 0 : 1;
