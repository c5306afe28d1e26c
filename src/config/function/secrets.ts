import { Type, type Static } from 'typebox';
import type { FunctionSpec, SecretFile } from '../../domain/function.ts';
import type { Problems } from './problems.ts';
import { strict } from './strict.ts';

const secretName = Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$' });

export const secretsSchema = Type.Array(
  Type.Union([
    secretName,
    Type.Object(
      {
        name: secretName,
        file: Type.String({
          pattern: '^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$',
          description: 'The name of a file in /run/secrets.',
        }),
      },
      strict,
    ),
  ]),
  {
    maxItems: 32,
    uniqueItems: true,
    default: [],
    description:
      'Secrets of the host, 32 at most: `NAME` becomes an environment variable, `{ name, file }` a file in /run/secrets.',
  },
);

export function readSecrets(
  secrets: Static<typeof secretsSchema>,
  env: FunctionSpec['env'],
  problems: Problems,
): Pick<FunctionSpec, 'secrets' | 'secretFiles'> {
  const variables = secrets.filter((secret) => typeof secret === 'string');
  const files = secrets.filter((secret) => typeof secret === 'object');
  for (const name of variables.filter((variable) => Object.hasOwn(env, variable))) {
    problems.add(`secrets: ${name} is in env too`);
  }
  for (const name of repeated(files)) problems.add(`secrets: the file "${name}" is there twice`);
  return { secrets: variables, ...(files.length > 0 ? { secretFiles: files } : {}) };
}

const repeated = (files: readonly SecretFile[]): readonly string[] =>
  files.map(({ file }) => file).filter((file, index, all) => all.indexOf(file) < index);
