import { Type, type Static } from 'typebox';
import type { FunctionSpec } from '../../domain/function.ts';
import { parseDuration } from '../../lib/units.ts';
import type { Problems } from './problems.ts';
import { strict } from './strict.ts';

export const scalingSchema = Type.Object(
  {
    max: Type.Optional(
      Type.Integer({
        default: 50,
        minimum: 1,
        maximum: 10_000,
        description: 'Sandboxes at most on a node.',
      }),
    ),
    keepWarm: Type.Optional(
      Type.String({ default: '10m', description: 'How long an idle sandbox is kept.' }),
    ),
  },
  strict,
);

export function readScaling(
  config: Static<typeof scalingSchema>,
  isSingleWriter: boolean,
  problems: Problems,
): FunctionSpec['scaling'] {
  const { max = isSingleWriter ? 1 : 50, keepWarm = '10m' } = config;
  if (isSingleWriter && max > 1) {
    problems.add('scaling.max: must be 1 for the single writer of a volume');
  }
  const keepWarmMs = problems.quantity('scaling.keepWarm', keepWarm, parseDuration, ['1s', '24h']);
  return { max, keepWarmMs };
}
