import type { InvocationId } from './ids.ts';
import type { InvocationState } from './invocation-record.ts';

/** What happens to a run that is due while the one before has not ended. */
export const overlaps = ['allow', 'skip', 'queue', 'replace'] as const;
export type Overlap = (typeof overlaps)[number];

/** What happens to runs that were missed because nothing ran that could plan them. */
export const misfires = ['once', 'skip', 'all'] as const;
export type Misfire = (typeof misfires)[number];

/** One entry of `triggers.cron`, checked and with every default filled in. */
export interface CronTrigger {
  /** Unique in its function. */
  readonly name: string;
  /** 5 fields, 6 with seconds first, or `@daily` and the like. */
  readonly schedule: string;
  /** Of the IANA time zone database. */
  readonly timeZone: string;
  readonly overlap: Overlap;
  readonly misfire: Misfire;
  /** Runs begin up to so much later, at random. */
  readonly jitterMs: number;
  /** Epoch milliseconds; no run before, and none after. */
  readonly startMs?: number;
  readonly endMs?: number;
}

/** Why a planned run did not take place. */
export type SkipReason = 'overlap' | 'misfire' | 'queue_full' | 'paused';

/** One planned time, and what became of it. */
export interface PlannedRun {
  /** Epoch milliseconds, as the schedule says; later runs have later ones. */
  readonly plannedMs: number;
  /** When it was decided. */
  readonly decidedMs: number;
  readonly invocationId?: InvocationId;
  readonly skipped?: SkipReason;
}

export interface ScheduleView {
  readonly functionName: string;
  readonly trigger: CronTrigger;
  readonly isPaused: boolean;
  /** Undefined: never again. */
  readonly nextMs: number | undefined;
}

/** The schedules of all functions. Those of one function are named by it and by their own name. */
export interface Schedules {
  /** What is wrong with the schedules of a function that is to be deployed. */
  problems(triggers: readonly Pick<CronTrigger, 'schedule' | 'timeZone'>[]): readonly string[];
  list(): Promise<readonly ScheduleView[]>;
  /** The next so many times. @throws HostError `not_found`. */
  next(functionName: string, name: string, count: number): readonly number[];
  /** Nothing is planned until it is resumed; then from that moment on. @throws as `next`. */
  pause(functionName: string, name: string): Promise<void>;
  /** Idempotent. @throws as `next`. */
  resume(functionName: string, name: string): Promise<void>;
  /** Runs it now, beside its plan, also while paused. @throws as `next`, and as enqueuing does. */
  trigger(functionName: string, name: string): Promise<InvocationId>;
  /** The newest first, a hundred at most, with what became of their invocations where known. */
  history(
    functionName: string,
    name: string,
  ): Promise<readonly (PlannedRun & { readonly state?: InvocationState })[]>;
}
