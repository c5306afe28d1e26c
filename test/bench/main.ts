import { table } from '../../src/cli/output.ts';
import type { Samples } from './samples.ts';

type Scenario = () => Promise<{
  run: () => Promise<readonly (readonly [name: string, samples: Samples])[]>;
}>;

const scenarios: Readonly<Record<string, Scenario>> = {
  invoke: () => import('./invoke.ts'),
  lane: () => import('./lane.ts'),
  images: () => import('./images.ts'),
  cycles: () => import('./cycles.ts'),
  sandbox: () => import('./sandbox.ts'),
  'keep-warm': () => import('./keep-warm.ts'),
  network: () => import('./network.ts'),
  volume: () => import('./volume.ts'),
};

const name = process.argv[2] ?? '';
const scenario = scenarios[name];
if (!scenario) {
  console.error(`usage: npm run bench -- ${Object.keys(scenarios).join(' | ')}`);
  process.exit(2);
}

const { run } = await scenario();
const rows = (await run()).map(([what, { p50, p99, count, perSecond }]) => [
  what,
  p50.toFixed(2),
  p99.toFixed(2),
  perSecond.toFixed(0),
  String(count),
]);
if (rows.length > 0) console.log(table(['', 'p50 ms', 'p99 ms', 'per second', 'calls'], rows));
