import { Type, type Static } from 'typebox';
import type { FunctionSpec } from '../../domain/function.ts';
import { parseDuration } from '../../lib/units.ts';
import type { Problems } from './problems.ts';
import { strict } from './strict.ts';

export const scalingSchema = Type.Object(
  {
    min: Type.Optional(
      Type.Integer({
        default: 0,
        minimum: 0,
        maximum: 1000,
        description: 'Sandboxes kept ready on the node of the function, loaded and frozen.',
      }),
    ),
    max: Type.Optional(
      Type.Integer({
        default: 50,
        minimum: 1,
        maximum: 10_000,
        description: 'Sandboxes at most on a node.',
      }),
    ),
    keepWarm: Type.Optional(
      Type.String({
        default: 'auto',
        description:
          'How long an idle sandbox is kept, 1s to 24h. `auto`: learnt from the idle times so far.',
      }),
    ),
  },
  strict,
);

export const isolationSchema = Type.Enum(['function', 'tenant', 'invocation'], {
  default: 'function',
  description:
    'Who shares a sandbox, one after the other. `function`: all callers. `tenant`: calls with the ' +
    'same key. `invocation`: nobody, each has a fresh one.',
});

/** What else the configuration says and must fit. */
interface Context {
  readonly isolation: FunctionSpec['isolation'];
  readonly concurrency: number;
  readonly http: FunctionSpec['http'];
  /** Of a volume: no two sandboxes may write to it. */
  readonly isSingleWriter: boolean;
}

export function readScaling(
  config: Static<typeof scalingSchema>,
  { isolation, concurrency, http, isSingleWriter }: Context,
  problems: Problems,
): FunctionSpec['scaling'] {
  const { min = 0, max = isSingleWriter ? 1 : 50, keepWarm = 'auto' } = config;
  if (isSingleWriter && max > 1) {
    problems.add('scaling.max: must be 1 for the single writer of a volume');
  }
  if (min > max) problems.add(`scaling.min: ${min} is more than scaling.max, ${max}`);
  if (isolation === 'invocation' && concurrency > 1) {
    problems.add('concurrency: must be 1 with isolation "invocation", which shares no sandbox');
  }
  if (isolation === 'tenant' && http && http.auth !== 'key') {
    problems.add(
      'isolation: "tenant" tells callers by their keys; set triggers.http.auth to "key"',
    );
  }
  if (isolation === 'tenant' && min > 0) {
    problems.add('scaling.min: must be 0 with isolation "tenant": nobody knows who will call');
  }
  if (keepWarm === 'auto') return { min, max };
  const keepWarmMs = problems.quantity('scaling.keepWarm', keepWarm, parseDuration, ['1s', '24h']);
  return { min, max, keepWarmMs };
}
