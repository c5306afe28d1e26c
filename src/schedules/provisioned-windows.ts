import type { FunctionSpec, ProvisionedWindow } from '../domain/function.ts';
import { cronTimes, type CronTimes } from './cron-times.ts';

type Scaling = FunctionSpec['scaling'];

interface Boundaries {
  readonly opens: CronTimes;
  readonly closes: CronTimes;
}

/** Parsed once: thousands of functions are looked at every few seconds. */
const known = new WeakMap<ProvisionedWindow, Boundaries>();

/**
 * How many sandboxes of a function are to be ready: `min`, or what an open window asks for where
 * that is more.
 */
export function readyCount({ min, provisioned = [] }: Scaling, nowMs: number): number {
  const open = provisioned.filter((window) => isOpen(window, nowMs));
  return Math.max(min, ...open.map(({ count }) => count));
}

/** A window is open when it closes before it opens again. */
function isOpen(window: ProvisionedWindow, nowMs: number): boolean {
  const { opens, closes } = boundariesOf(window);
  const closesMs = closes.after(nowMs);
  return closesMs !== undefined && closesMs <= (opens.after(nowMs) ?? Infinity);
}

function boundariesOf(window: ProvisionedWindow): Boundaries {
  let boundaries = known.get(window);
  if (!boundaries) {
    const { from, until, timeZone } = window;
    boundaries = { opens: cronTimes(from, timeZone), closes: cronTimes(until, timeZone) };
    known.set(window, boundaries);
  }
  return boundaries;
}
