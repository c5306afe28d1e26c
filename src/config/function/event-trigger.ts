import { Type, type Static } from 'typebox';
import { isKnownType } from '../../domain/fact-matching.ts';
import type { FactPattern } from '../../domain/fact-pattern.ts';
import { factTypes } from '../../domain/fact-texts.ts';
import type { Problems } from './problems.ts';
import { strict } from './strict.ts';

/** What a fact must be like; also for webhooks. */
export const factPatternKeys = {
  types: Type.Array(Type.String({ maxLength: 100 }), {
    minItems: 1,
    maxItems: 50,
    description: 'Types of facts, such as function.deployed; sandbox.* is all of a kind.',
  }),
  match: Type.Optional(
    Type.Record(
      Type.String({ maxLength: 100 }),
      Type.Array(Type.Union([Type.String({ maxLength: 200 }), Type.Number(), Type.Boolean()]), {
        minItems: 1,
        maxItems: 50,
      }),
      {
        default: {},
        description: 'By a key of their data, values of which it has one; * is any text.',
      },
    ),
  ),
};

export const eventTriggersSchema = Type.Array(Type.Object(factPatternKeys, strict), {
  maxItems: 20,
  default: [],
  description: 'Facts that invoke the function.',
});

export function readEventTriggers(
  config: Static<typeof eventTriggersSchema>,
  problems: Problems,
): readonly FactPattern[] {
  return config.map((entry, index) => {
    const pattern = { types: entry.types, match: entry.match ?? {} };
    const problem = problemOfPattern(pattern);
    if (problem !== undefined) problems.add(`triggers.events.${index}.${problem}`);
    return pattern;
  });
}

/** Undefined: it can be met. */
export function problemOfPattern({ types }: FactPattern): string | undefined {
  const unknown = types.find((type) => !isKnownType(type));
  if (unknown === undefined) return undefined;
  return `types: there is no "${unknown}"; there are ${factTypes.join(', ')}`;
}
