import type { Static, TSchema } from 'typebox';
import type { TLocalizedValidationError } from 'typebox/error';
import { Check, Errors } from 'typebox/value';
import type { HostError } from '../domain/errors.ts';

/** The value, once it fits the schema. @throws what `fail` makes of all that is wrong with it. */
export function checked<T extends TSchema>(
  schema: T,
  value: unknown,
  fail: (problems: readonly string[]) => HostError,
): Static<T> {
  if (Check(schema, value)) return value;
  throw fail(schemaProblems(schema, value));
}

/**
 * Without what only repeats that none of several forms fits, and without those forms that a value is
 * farthest from: it is of another type altogether.
 */
function closest(errors: readonly TLocalizedValidationError[]): TLocalizedValidationError[] {
  const choices = new Set(
    errors.filter(({ keyword }) => keyword === 'anyOf').map(({ instancePath }) => instancePath),
  );
  const isFar = ({ keyword, instancePath }: TLocalizedValidationError) =>
    keyword === 'type' && choices.has(instancePath);
  return errors.filter((error) => {
    if (error.keyword === 'anyOf') return false;
    const others = errors.filter((other) => other.keyword !== 'anyOf' && !isFar(other));
    return !isFar(error) || !others.some((o) => o.instancePath.startsWith(error.instancePath));
  });
}

/** Every way in which a value breaks a schema, as sentences: `memory: must match …`. */
function schemaProblems(schema: TSchema, value: unknown): string[] {
  const problems = new Set<string>();
  for (const error of closest(Errors(schema, value))) {
    const path = error.instancePath.slice(1).replaceAll('/', '.');
    const inside = path ? `${path}.` : '';
    if (error.keyword === 'additionalProperties') {
      for (const key of error.params.additionalProperties) {
        problems.add(`${inside}${key}: unknown key`);
      }
    } else if (error.keyword === 'required') {
      for (const key of error.params.requiredProperties) {
        problems.add(`${inside}${key}: is missing`);
      }
    } else if (error.keyword === 'enum') {
      problems.add(`${path}: must be one of ${error.params.allowedValues.join(', ')}`);
    } else if (error.keyword !== 'boolean') {
      // `boolean` repeats an unknown key as "schema is false".
      problems.add(`${path || 'the whole'}: ${error.message}`);
    }
  }
  return [...problems];
}
