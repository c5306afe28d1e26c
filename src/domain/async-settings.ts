import type { FunctionSpec } from './function.ts';

/** An address that is posted to. */
export interface WebhookDestination {
  readonly webhook: string;
  /** Name of the secret with which it is signed; unsigned where absent. */
  readonly secret?: string;
}

/** A BullMQ queue of an application. */
export interface QueueDestination {
  readonly queue: string;
  /** Before its keys in Redis: the `prefix` of the application's queue. */
  readonly prefix: string;
  /** The Redis, by the operator's name for it; absent: the host's own. */
  readonly connection?: string;
}

export type OutsideDestination = WebhookDestination | QueueDestination;

/** Who is told of an end: a function by its name, or someone outside. */
export type DestinationSettings = { readonly function: string } | OutsideDestination;

/** How a function's asynchronous invocations are kept and tried again (`async` in hearth.json). */
export interface AsyncSettings {
  /** Attempts that the function may spend; from 1. */
  readonly attempts: number;
  /** The longest pause after the first failed attempt; it doubles with each, and is jittered. */
  readonly backoffMs: number;
  /** From acceptance; then it ends as a dead letter whatever attempts are left. */
  readonly maxAgeMs: number;
  /** How long, and how many per function, ended invocations stay recorded. */
  readonly retention: { readonly ageMs: number; readonly count: number };
  readonly onSuccess?: DestinationSettings;
  /** Told of a dead letter, which is kept all the same. */
  readonly onFailure?: DestinationSettings;
}

export const defaultAsyncSettings: AsyncSettings = {
  attempts: 3,
  backoffMs: 2_000,
  maxAgeMs: 6 * 3_600_000,
  retention: { ageMs: 24 * 3_600_000, count: 10_000 },
};

export const asyncSettingsOf = ({ async = defaultAsyncSettings }: FunctionSpec): AsyncSettings =>
  async;

/**
 * POLICY: others may be away for longer than a function of one's own fails. Twelve tries, with pauses
 * up to 15 minutes, are spread over more than an hour.
 */
export function outsideSettings({ retention }: AsyncSettings): AsyncSettings {
  return { attempts: 12, backoffMs: 5_000, maxAgeMs: 24 * 3_600_000, retention };
}
