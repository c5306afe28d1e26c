import { Type } from 'typebox';
import type { FunctionSpec } from '../../domain/function.ts';
import type { Problems } from './problems.ts';

export const secretsSchema = Type.Array(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }), {
  maxItems: 32,
  uniqueItems: true,
  default: [],
  description: 'Secrets of the host that become environment variables, 32 at most.',
});

export function readSecrets(
  secrets: readonly string[],
  env: FunctionSpec['env'],
  problems: Problems,
): FunctionSpec['secrets'] {
  const both = secrets.filter((name) => Object.hasOwn(env, name));
  for (const name of both) problems.add(`secrets: ${name} is in env too`);
  return secrets;
}
