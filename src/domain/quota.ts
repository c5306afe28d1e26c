import { HostError } from './errors.ts';
import type { Principal } from './principal.ts';

/** So many in every such time; as many may come at once, and then as they are earned anew. */
export interface Rate {
  readonly count: number;
  readonly perMs: number;
}

/** How much someone may ask for. Absent: as much as they like. */
export interface UsageLimits {
  readonly rate?: Rate;
  /** Requests that have not been answered to their end, at most. */
  readonly concurrency?: number;
}

/** One request that is under way. Disposing it is idempotent and never throws. */
export type UsageLease = Disposable;

/** Counts what callers with limits use, exactly and across gateways. */
export interface Quotas {
  /**
   * Takes one request from the rate and from the concurrency of its caller. `lastsMs`: no longer
   * is it counted as under way, whatever becomes of this gateway.
   * @throws HostError `throttled`, with what is left of the wait, and then nothing is taken;
   *   `unavailable` while nobody can count.
   */
  take(principal: Limited, lastsMs: number): Promise<UsageLease>;
}

export type Limited = Principal & { readonly limits: UsageLimits };

export const isLimited = (principal: Principal | undefined): principal is Limited =>
  principal?.limits !== undefined;

/** How a rate is written. */
export const ratePattern = '^([1-9][0-9]{0,5})/([smh])$';
const rateExpression = new RegExp(ratePattern);

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 };

/** `"100/s"`, `"5/m"`, `"1000/h"`; undefined when it is not a rate. */
export function parseRate(text: string): Rate | undefined {
  const [, count = '', unit = ''] = rateExpression.exec(text) ?? [];
  const perMs = unitMs[unit];
  return perMs === undefined ? undefined : { count: Number(count), perMs };
}

export function rateText({ count, perMs }: Rate): string {
  const unit = Object.keys(unitMs).find((name) => unitMs[name] === perMs);
  return `${count}/${unit}`;
}

export const tooFast = (keyId: string, rate: Rate, retryAfterMs: number): HostError =>
  new HostError(
    'throttled',
    'quota.rate',
    `The key "${keyId}" may make ${rateText(rate)} requests and has made more.`,
    { retryAfterMs },
  );

/** When the first of those under way will end nobody knows. */
const answerPauseMs = 1_000;

export const tooMany = (keyId: string, concurrency: number): HostError =>
  new HostError(
    'throttled',
    'quota.concurrency',
    `The key "${keyId}" may have ${concurrency} requests under way and has as many.`,
    { retryAfterMs: answerPauseMs },
  );
