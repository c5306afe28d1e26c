import { Type, type Static } from 'typebox';
import { defaultAsyncSettings, type AsyncSettings } from '../../domain/async-settings.ts';
import { parseDuration } from '../../lib/units.ts';
import { destinationSchema, readDestination } from './destination.ts';
import type { Problems } from './problems.ts';
import { strict } from './strict.ts';

export const asyncSchema = Type.Object(
  {
    attempts: Type.Optional(
      Type.Integer({
        default: 3,
        minimum: 1,
        maximum: 100,
        description: 'How often a failing asynchronous invocation is tried in all.',
      }),
    ),
    backoff: Type.Optional(
      Type.String({
        default: '2s',
        description: 'The longest pause after the first failure; doubles each time, up to 15m.',
      }),
    ),
    maxAge: Type.Optional(
      Type.String({
        default: '6h',
        description: 'When an invocation is given up, whatever attempts are left: 1m to 14d.',
      }),
    ),
    onSuccess: Type.Optional(destinationSchema),
    onFailure: Type.Optional(
      Type.Union([Type.Literal('dead-letter'), destinationSchema], {
        default: 'dead-letter',
        description: 'Or as `onSuccess`: told of the event and the error, too.',
      }),
    ),
    retention: Type.Optional(
      Type.Object(
        {
          age: Type.Optional(
            Type.String({
              default: '24h',
              description:
                'How long an ended invocation is recorded; a dead letter for 14d at least.',
            }),
          ),
          count: Type.Optional(
            Type.Integer({
              default: 10_000,
              minimum: 1,
              maximum: 1_000_000,
              description: 'How many ended invocations, and how many dead letters, are recorded.',
            }),
          ),
        },
        strict,
      ),
    ),
  },
  strict,
);

/** Undefined where nothing is said: the defaults. */
export function readAsync(
  config: Static<typeof asyncSchema> | undefined,
  problems: Problems,
): AsyncSettings | undefined {
  if (!config) return undefined;
  const { attempts = defaultAsyncSettings.attempts, backoff, maxAge, retention = {} } = config;
  const onSuccess = readDestination('async.onSuccess', config.onSuccess, problems);
  const onFailure =
    config.onFailure === 'dead-letter'
      ? undefined
      : readDestination('async.onFailure', config.onFailure, problems);
  const duration = (key: string, text: string | undefined, usual: number, bounds: Bounds) =>
    text === undefined ? usual : problems.quantity(key, text, parseDuration, bounds);
  const { backoffMs, maxAgeMs, retention: kept } = defaultAsyncSettings;
  return {
    attempts,
    backoffMs: duration('async.backoff', backoff, backoffMs, ['1ms', '1h']),
    maxAgeMs: duration('async.maxAge', maxAge, maxAgeMs, ['1m', '14d']),
    ...(onSuccess ? { onSuccess } : {}),
    ...(onFailure ? { onFailure } : {}),
    retention: {
      ageMs: duration('async.retention.age', retention.age, kept.ageMs, ['1m', '90d']),
      count: retention.count ?? kept.count,
    },
  };
}

type Bounds = readonly [min: string, max: string];
