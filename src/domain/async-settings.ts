import type { FunctionSpec } from './function.ts';

/** Who is told of an end: a function, by its name. */
export interface DestinationSettings {
  readonly function: string;
}

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
