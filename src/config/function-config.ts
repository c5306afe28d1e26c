import { applyEdits, modify, parse, printParseErrorCode, type ParseError } from 'jsonc-parser';
import { Type, type Static } from 'typebox';
import { HostError } from '../domain/errors.ts';
import { runtimes, type FunctionSpec } from '../domain/function.ts';
import { isName } from '../domain/ids.ts';
import { envLimitBytes, timeoutLimitMs } from '../domain/limits.ts';
import { parseBytes, parseDuration } from '../lib/units.ts';
import { checked } from './schema-problems.ts';

const strict = { additionalProperties: false };
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

/** `hearth.json`: what a user may write. One schema: validation, types and documentation. */
export const functionConfigSchema = Type.Object(
  {
    $schema: Type.Optional(Type.String({ description: 'For editors; ignored.' })),
    name: Type.String({ description: '1 to 63 of a-z, 0-9 and "-", not "-" at either end.' }),
    runtime: Type.Optional(
      Type.Enum([...runtimes], { default: 'node24', description: 'The language runtime.' }),
    ),
    entry: Type.String({
      minLength: 1,
      description: 'The module with the handler, relative to this file.',
    }),
    memory: Type.Optional(
      Type.String({
        default: '128Mi',
        description: 'Memory of a sandbox, 64Mi to 32Gi. There is no swap.',
      }),
    ),
    cpu: Type.Optional(
      Type.Number({
        default: 1,
        minimum: 0.05,
        maximum: 64,
        description: 'Processors of a sandbox; 0.5 is half of one.',
      }),
    ),
    timeout: Type.Optional(
      Type.String({
        default: '30s',
        description: 'From acceptance to answer, 100ms to 15m. Then the sandbox is killed.',
      }),
    ),
    concurrency: Type.Optional(
      Type.Integer({
        default: 1,
        minimum: 1,
        maximum: 1000,
        description: 'Invocations that one sandbox serves at once.',
      }),
    ),
    env: Type.Optional(
      Type.Record(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }), Type.String(), {
        ...strict,
        default: {},
        description: 'Environment variables, 4 KiB in all.',
      }),
    ),
    triggers: Type.Optional(
      Type.Object(
        {
          http: Type.Optional(
            Type.Object(
              {
                auth: Type.Optional(
                  Type.Enum(['none', 'key'], {
                    default: 'key',
                    description: '`none`: anyone may call. `key`: callers need a key.',
                  }),
                ),
                methods: Type.Optional(
                  Type.Array(Type.Enum([...methods]), {
                    default: [],
                    description: 'The methods that are served; all when empty.',
                  }),
                ),
              },
              strict,
            ),
          ),
        },
        strict,
      ),
    ),
    isolation: Type.Optional(
      Type.Enum(['function', 'invocation'], {
        default: 'function',
        description: '`invocation`: a fresh sandbox for every invocation.',
      }),
    ),
    scratch: Type.Optional(
      Type.String({
        default: '64Mi',
        description: 'Size of /tmp, 1Mi to 10Gi; what is in it counts as memory.',
      }),
    ),
    scaling: Type.Optional(
      Type.Object(
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
      ),
    ),
  },
  strict,
);

type FunctionConfig = Static<typeof functionConfigSchema>;

/** Of a function that does not say; also that of stems, which can serve only such functions. */
export const defaultScratchBytes = 64 * 1024 * 1024;

/**
 * The text of a `hearth.json` (JSON with comments) as a FunctionSpec with every default filled in.
 * @throws HostError `invalid` that lists every problem at once.
 */
export function parseFunctionConfig(text: string): FunctionSpec {
  const syntaxErrors: ParseError[] = [];
  const value: unknown = parse(text, syntaxErrors, { allowTrailingComma: true });
  const [syntaxError] = syntaxErrors;
  if (syntaxError) {
    const line = text.slice(0, syntaxError.offset).split('\n').length;
    throw invalid([`line ${line}: ${printParseErrorCode(syntaxError.error)}`]);
  }
  return toSpec(checked(functionConfigSchema, value, invalid));
}

/** The same text with another entry; comments and everything else stay as they are. */
export function withEntry(text: string, entry: string): string {
  return applyEdits(text, modify(text, ['entry'], entry, {}));
}

function toSpec(config: FunctionConfig): FunctionSpec {
  const problems: string[] = [];
  const quantity = (
    key: string,
    text: string,
    parseText: (text: string) => number | undefined,
    [min, max]: readonly [min: string, max: string],
  ): number => {
    const amount = parseText(text);
    const inRange =
      amount !== undefined && amount >= (parseText(min) ?? 0) && amount <= (parseText(max) ?? 0);
    if (!inRange) problems.push(`${key}: "${text}" is not an amount between ${min} and ${max}`);
    return amount ?? 0;
  };
  if (!isName(config.name)) {
    problems.push('name: must be 1 to 63 of a-z, 0-9 and "-", not "-" at either end');
  }
  if (!isInside(config.entry)) problems.push('entry: must be a path inside the folder');
  const env = config.env ?? {};
  const envBytes = Object.entries(env).reduce(
    (sum, [name, text]) => sum + Buffer.byteLength(name) + Buffer.byteLength(text),
    0,
  );
  if (envBytes > envLimitBytes) {
    problems.push(`env: ${envBytes} bytes; at most ${envLimitBytes} in all`);
  }
  const http = config.triggers?.http;
  const spec: FunctionSpec = {
    name: config.name,
    runtime: config.runtime ?? 'node24',
    entry: config.entry.replace(/^\.\//, ''),
    memoryBytes: quantity('memory', config.memory ?? '128Mi', parseBytes, ['64Mi', '32Gi']),
    cpu: config.cpu ?? 1,
    timeoutMs: quantity('timeout', config.timeout ?? '30s', parseDuration, [
      '100ms',
      `${timeoutLimitMs}ms`,
    ]),
    concurrency: config.concurrency ?? 1,
    env,
    http: http && { auth: http.auth ?? 'key', methods: http.methods ?? [] },
    isolation: config.isolation ?? 'function',
    scratchBytes: quantity('scratch', config.scratch ?? String(defaultScratchBytes), parseBytes, [
      '1Mi',
      '10Gi',
    ]),
    scaling: {
      max: config.scaling?.max ?? 50,
      keepWarmMs: quantity('scaling.keepWarm', config.scaling?.keepWarm ?? '10m', parseDuration, [
        '1s',
        '24h',
      ]),
    },
  };
  if (problems.length > 0) throw invalid(problems);
  return spec;
}

function isInside(path: string): boolean {
  return !path.startsWith('/') && !path.split('/').includes('..') && !path.includes('\0');
}

function invalid(problems: readonly string[]): HostError {
  return new HostError(
    'invalid',
    'function.invalid_config',
    `hearth.json is not valid: ${problems.join('; ')}.`,
    { details: { problems } },
  );
}
