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
    provisioned: Type.Optional(
      Type.Array(
        Type.Object(
          {
            from: Type.String({ maxLength: 200, description: 'When it begins, as cron has it.' }),
            until: Type.String({ maxLength: 200, description: 'When it ends.' }),
            timeZone: Type.Optional(Type.String({ default: 'UTC' })),
            count: Type.Integer({ minimum: 1, maximum: 1000 }),
          },
          strict,
        ),
        {
          maxItems: 20,
          default: [],
          description: 'Windows of time in which so many sandboxes are kept ready, as by `min`.',
        },
      ),
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
  const provisioned = (config.provisioned ?? []).map(
    ({ from, until, timeZone = 'UTC', count }) => ({ from, until, timeZone, count }),
  );
  const most = Math.max(0, ...provisioned.map(({ count }) => count));
  if (most > max) problems.add(`scaling.provisioned: ${most} is more than scaling.max, ${max}`);
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
  if (isolation === 'tenant' && Math.max(min, most) > 0) {
    problems.add(
      'scaling.min: nothing can be kept ready with isolation "tenant": nobody knows who will call',
    );
  }
  const counts = { min, max, ...(provisioned.length > 0 ? { provisioned } : {}) };
  if (keepWarm === 'auto') return counts;
  const keepWarmMs = problems.quantity('scaling.keepWarm', keepWarm, parseDuration, ['1s', '24h']);
  return { ...counts, keepWarmMs };
}
