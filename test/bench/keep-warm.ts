import { table } from '../../src/cli/output.ts';
import { idleTimes, replay, traceKinds } from '../support/idle-traces.ts';

const callsOfEach = 2000;
const hourMs = 60 * 60_000;

/** What `keepWarm: "auto"` costs over generated traces, beside ten minutes fixed. No clock runs. */
export async function run(): Promise<readonly []> {
  const sum = { auto: { coldStarts: 0, warmMs: 0 }, fixed: { coldStarts: 0, warmMs: 0 } };
  const rows = traceKinds.map((kind) => {
    const costs = replay(idleTimes(kind, callsOfEach, 1));
    for (const name of ['auto', 'fixed'] as const) {
      sum[name].coldStarts += costs[name].coldStarts;
      sum[name].warmMs += costs[name].warmMs;
    }
    return row(kind, costs);
  });
  const heads = ['calls', 'cold, 10 min', 'cold, auto', 'hours warm, 10 min', 'hours warm, auto'];
  console.log(table(heads, [...rows, row('all', sum)]));
  return [];
}

function row(name: string, { auto, fixed }: ReturnType<typeof replay>): string[] {
  const hours = (ms: number) => (ms / hourMs).toFixed(0);
  const cold = [String(fixed.coldStarts), String(auto.coldStarts)];
  return [name, ...cold, hours(fixed.warmMs), hours(auto.warmMs)];
}
