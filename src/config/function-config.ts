import { applyEdits, modify, parse, printParseErrorCode, type ParseError } from 'jsonc-parser';
import { Type, type Static } from 'typebox';
import { HostError } from '../domain/errors.ts';
import { runtimes, type FunctionSpec } from '../domain/function.ts';
import { isName } from '../domain/ids.ts';
import { readEntry } from './function/entry.ts';
import { cronTriggersSchema, readCronTriggers } from './function/cron-trigger.ts';
import { asyncSchema, readAsync } from './function/async.ts';
import { environmentSchema, readEnvironment } from './function/environment.ts';
import { eventTriggersSchema, readEventTriggers } from './function/event-trigger.ts';
import { httpTriggerSchema, readHttpTrigger } from './function/http-trigger.ts';
import { imageKeys, readImage } from './function/image.ts';
import { networkSchema, readNetwork } from './function/network.ts';
import { placementSchema } from './function/placement.ts';
import { Problems } from './function/problems.ts';
import { readResources, resourceKeys } from './function/resources.ts';
import { isolationSchema, readScaling, scalingSchema } from './function/scaling.ts';
import { queueTriggersSchema, readQueueTriggers } from './function/queue-trigger.ts';
import { readSecrets, secretsSchema } from './function/secrets.ts';
import { strict } from './function/strict.ts';
import { isSingleWriter, readVolumes, volumesSchema } from './function/volumes.ts';
import { checked } from './schema-problems.ts';

/**
 * `hearth.json`: what a user may write. One schema: validation, types and documentation. Each
 * section stands in `function/` with its reader, which fills in the defaults.
 */
export const functionConfigSchema = Type.Object(
  {
    $schema: Type.Optional(Type.String({ description: 'For editors; ignored.' })),
    name: Type.String({ description: '1 to 63 of a-z, 0-9 and "-", not "-" at either end.' }),
    runtime: Type.Optional(
      Type.Enum([...runtimes, 'image'], {
        default: runtimes[0],
        description: 'The language runtime; `image`: an image of your own.',
      }),
    ),
    entry: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'The module with the handler, relative to this file. Not for images.',
      }),
    ),
    ...imageKeys,
    build: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'A shell command that `hearth deploy` runs in this folder first, for what is made, not written.',
      }),
    ),
    ...resourceKeys,
    env: Type.Optional(environmentSchema),
    secrets: Type.Optional(secretsSchema),
    triggers: Type.Optional(
      Type.Object(
        {
          http: Type.Optional(httpTriggerSchema),
          cron: Type.Optional(cronTriggersSchema),
          queue: Type.Optional(queueTriggersSchema),
          events: Type.Optional(eventTriggersSchema),
        },
        strict,
      ),
    ),
    isolation: Type.Optional(isolationSchema),
    runtimeClass: Type.Optional(
      Type.String({ description: "An OCI runtime of the operator's, by its name." }),
    ),
    placement: Type.Optional(placementSchema),
    volumes: Type.Optional(volumesSchema),
    network: Type.Optional(networkSchema),
    scaling: Type.Optional(scalingSchema),
    async: Type.Optional(asyncSchema),
  },
  strict,
);

type FunctionConfig = Static<typeof functionConfigSchema>;

/**
 * The text of a `hearth.json` (JSON with comments) as a FunctionSpec with every default filled in.
 * @throws HostError `invalid` that lists every problem at once.
 */
export function parseFunctionConfig(text: string): FunctionSpec {
  return toSpec(readConfig(text));
}

/** What is to be done where the folder is before its files are packed; not a part of the function. */
export function buildCommand(text: string): string | undefined {
  return readConfig(text).build;
}

function readConfig(text: string): FunctionConfig {
  const syntaxErrors: ParseError[] = [];
  const value: unknown = parse(text, syntaxErrors, { allowTrailingComma: true });
  const [syntaxError] = syntaxErrors;
  if (syntaxError) {
    const line = text.slice(0, syntaxError.offset).split('\n').length;
    throw invalid([`line ${line}: ${printParseErrorCode(syntaxError.error)}`]);
  }
  return checked(functionConfigSchema, value, invalid);
}

/** The same text with another value for a key; comments and everything else stay as they are. */
export function withValue(text: string, key: 'entry' | 'image', value: string): string {
  return applyEdits(text, modify(text, [key], value, {}));
}

function toSpec(config: FunctionConfig): FunctionSpec {
  const problems = new Problems();
  if (!isName(config.name)) {
    problems.add('name: must be 1 to 63 of a-z, 0-9 and "-", not "-" at either end');
  }
  const runtime = config.runtime ?? runtimes[0];
  const cron = readCronTriggers(config.triggers?.cron ?? [], problems);
  const volumes = readVolumes(config.volumes ?? [], problems);
  const image = readImage(config, runtime, problems);
  const network = readNetwork(config.network ?? {}, problems);
  const { isolation = 'function' } = config;
  const http = readHttpTrigger(config.triggers?.http, problems);
  const resources = readResources(config, problems);
  const context = { isolation, http, ...resources, isSingleWriter: isSingleWriter(volumes) };
  const async = readAsync(config.async, problems);
  const queues = readQueueTriggers(config.triggers?.queue ?? [], problems);
  const events = readEventTriggers(config.triggers?.events ?? [], problems);
  const spec: FunctionSpec = {
    name: config.name,
    runtime,
    ...(image ? { image } : {}),
    entry: readEntry(config.entry, runtime, problems),
    env: readEnvironment(config.env ?? {}, problems),
    ...readSecrets(config.secrets ?? [], config.env ?? {}, problems),
    ...resources,
    http,
    ...(cron.length > 0 ? { cron } : {}),
    isolation,
    ...(config.runtimeClass === undefined ? {} : { runtimeClass: config.runtimeClass }),
    ...(config.placement?.labels ? { placement: { labels: config.placement.labels } } : {}),
    volumes,
    ...(network ? { network } : {}),
    scaling: readScaling(config.scaling ?? {}, context, problems),
    ...(async ? { async } : {}),
    ...(queues.length > 0 ? { queues } : {}),
    ...(events.length > 0 ? { events } : {}),
  };
  if (problems.found.length > 0) throw invalid(problems.found);
  return spec;
}

function invalid(problems: readonly string[]): HostError {
  return new HostError(
    'invalid',
    'function.invalid_config',
    `hearth.json is not valid: ${problems.join('; ')}.`,
    { details: { problems } },
  );
}
