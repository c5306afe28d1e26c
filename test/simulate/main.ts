import { parseArgs } from 'node:util';
import { table } from '../../src/cli/output.ts';
import { seeded } from '../support/seeded-random.ts';
import { Simulation, type SimulationOptions } from './simulation.ts';
import { makeFunctions } from './workload.ts';

const { values } = parseArgs({
  options: {
    functions: { type: 'string', default: '100000' },
    nodes: { type: 'string', default: '1000' },
    'node-gib': { type: 'string', default: '16' },
    hours: { type: 'string', default: '24' },
    seed: { type: 'string', default: '1' },
  },
});

const seed = Number(values.seed);
const functions = makeFunctions(Number(values.functions), seeded(seed));
const common = {
  functions,
  nodes: Number(values.nodes),
  nodeBytes: Number(values['node-gib']) * 1024 ** 3,
  minutes: Number(values.hours) * 60,
  max: 50,
};

const all: readonly Pick<SimulationOptions, 'placement' | 'keepWarm'>[] = [
  { placement: 'hearth', keepWarm: 'auto' },
  { placement: 'hearth', keepWarm: 'fixed' },
  { placement: 'random', keepWarm: 'auto' },
  { placement: 'least loaded', keepWarm: 'auto' },
];

const share = (part: number, whole: number) => `${((part / whole) * 100).toFixed(3)} %`;

const frequent = functions.filter(({ callsPerMinute }) => callsPerMinute > 1);
const sum = (some: typeof functions) => some.reduce((rate, one) => rate + one.callsPerMinute, 0);
console.log(
  `${functions.length} functions, ${common.nodes} nodes of ${values['node-gib']} GiB, ` +
    `${values.hours} h, seed ${seed}; ${share(frequent.length, functions.length)} of the functions, ` +
    `called more than once a minute, make ${share(sum(frequent), sum(functions))} of the calls\n`,
);

const rows = all.map(({ placement, keepWarm }) => {
  const started = performance.now();
  const random = seeded(seed + 1); // the same calls for all
  const result = new Simulation({ ...common, placement, keepWarm, random }).run();
  return [
    placement,
    keepWarm === 'fixed' ? '10 min' : keepWarm,
    String(result.calls),
    share(result.coldStarts, result.calls),
    share(result.coldShareP75, 1),
    share(result.idleByteMs, result.idleByteMs + result.busyByteMs),
    share(result.queued, result.calls),
    share(result.refused, result.calls),
    String(result.evictions),
    result.imbalance.toFixed(2),
    `${((performance.now() - started) / 1000).toFixed(0)} s`,
  ];
});
console.log(
  table(
    [
      'placement',
      'keep-warm',
      'calls',
      'cold',
      'cold, p75 function',
      'memory idle',
      'queued',
      'refused',
      'evictions',
      'fullest / mean',
      'took',
    ],
    rows,
  ),
);
