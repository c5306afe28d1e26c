import { parse, printParseErrorCode, type ParseError } from 'jsonc-parser';
import { Type, type Static } from 'typebox';
import { HostError } from '../domain/errors.ts';
import { isName } from '../domain/ids.ts';
import { checked } from './schema-problems.ts';

const strict = { additionalProperties: false };

/** `stack.json`: what a folder of functions needs beside them. */
const stackConfigSchema = Type.Object(
  {
    $schema: Type.Optional(Type.String({ description: 'For editors; ignored.' })),
    name: Type.String({ description: 'Of the whole; what it made before is known by it.' }),
    secrets: Type.Optional(
      Type.Array(Type.String(), { description: 'Names that have to be set already.' }),
    ),
    volumes: Type.Optional(
      Type.Record(Type.String(), Type.Object({ size: Type.String() }, strict), {
        description: 'Made where they are missing, and never removed.',
      }),
    ),
    networks: Type.Optional(
      Type.Record(Type.String(), Type.Record(Type.String(), Type.String()), {
        description: 'Private networks: endpoints and their targets, such as 10.0.0.5:5432.',
      }),
    ),
  },
  strict,
);

export type StackConfig = Static<typeof stackConfigSchema>;

/** @throws HostError `invalid` that lists every problem at once. */
export function parseStackConfig(text: string): StackConfig {
  const syntaxErrors: ParseError[] = [];
  const value: unknown = parse(text, syntaxErrors, { allowTrailingComma: true });
  const [syntaxError] = syntaxErrors;
  if (syntaxError) {
    const line = text.slice(0, syntaxError.offset).split('\n').length;
    throw invalid([`line ${line}: ${printParseErrorCode(syntaxError.error)}`]);
  }
  const config = checked(stackConfigSchema, value, invalid);
  if (!isName(config.name)) {
    throw invalid(['name: must be 1 to 63 of a-z, 0-9 and "-", not "-" at either end']);
  }
  return config;
}

const invalid = (problems: readonly string[]): HostError =>
  new HostError(
    'invalid',
    'stack.invalid_config',
    `stack.json is not valid: ${problems.join('; ')}.`,
    { details: { problems } },
  );
