import type { CronTrigger, PlannedRun } from '../domain/schedule.ts';

/** A run that has been decided on and not yet begun. */
export interface PendingRun {
  readonly plannedMs: number;
  /** `plannedMs` and its jitter. */
  readonly dueMs: number;
}

/** What is remembered of a schedule. */
export interface ScheduleState {
  /** The schedule that it belongs to: another one under the same name begins anew. */
  readonly text: string;
  /** Everything up to here has been decided; it never goes back. */
  readonly plannedUntilMs: number;
  /** In the order of their planned times. */
  readonly pending: readonly PendingRun[];
  /** Of the last run that began. */
  readonly lastInvocationId?: string;
  readonly isPaused: boolean;
}

export interface Plan {
  readonly state: ScheduleState;
  readonly skipped: readonly PlannedRun[];
}

/** POLICY: a run that is decided on so much too late was missed; before, it only comes late. */
export const onTimeMs = 15_000;

/** POLICY: no more runs of one schedule wait; those that come then are skipped. */
export const pendingLimit = 100;

/** POLICY: after a long pause so many missed runs are looked at, the newest. */
const missedLimit = 10_000;

/** What is decided about a schedule that nothing is known of yet: it begins now. */
export const newState = (text: string, nowMs: number): ScheduleState => ({
  text,
  plannedUntilMs: nowMs,
  pending: [],
  isPaused: false,
});

/**
 * Decides on all times up to now. A clock that was put back plans nothing until it has caught up:
 * no time is ever decided on twice. `after` gives the schedule's next time; `random` is in [0, 1).
 */
export function plan(
  state: ScheduleState,
  trigger: Pick<CronTrigger, 'misfire' | 'jitterMs' | 'startMs' | 'endMs'>,
  after: (instantMs: number) => number | undefined,
  nowMs: number,
  random: () => number,
): Plan {
  if (nowMs <= state.plannedUntilMs) return { state, skipped: [] };
  const times = timesBetween(state.plannedUntilMs, nowMs, trigger, after);
  const missed = times.filter((time) => nowMs - time > onTimeMs);
  const kept = keptOf(missed, trigger.misfire);
  const runs = [...kept, ...times.slice(missed.length)];
  const room = Math.max(0, pendingLimit - state.pending.length);
  const pending = runs.slice(0, room).map((plannedMs) => ({
    plannedMs,
    dueMs: plannedMs + Math.floor(random() * trigger.jitterMs),
  }));
  const lost = new Set(missed.slice(0, missed.length - kept.length));
  return {
    state: { ...state, plannedUntilMs: nowMs, pending: [...state.pending, ...pending] },
    skipped: [
      ...[...lost].map((plannedMs) => skip(plannedMs, nowMs, 'misfire')),
      ...runs.slice(room).map((plannedMs) => skip(plannedMs, nowMs, 'queue_full')),
    ],
  };
}

/** Pausing drops what waits; resuming begins anew from now. */
export function pauseOrResume(state: ScheduleState, isPaused: boolean, nowMs: number): Plan {
  const plannedUntilMs = isPaused ? state.plannedUntilMs : nowMs;
  return {
    state: { ...state, isPaused, plannedUntilMs, pending: [] },
    skipped: state.pending.map(({ plannedMs }) => skip(plannedMs, nowMs, 'paused')),
  };
}

export type RunDecision = 'run' | 'wait' | 'skip' | 'replace';

/** What to do with the first pending run. */
export function decide(
  run: PendingRun,
  overlap: CronTrigger['overlap'],
  isPreviousRunning: boolean,
  nowMs: number,
): RunDecision {
  if (nowMs < run.dueMs) return 'wait';
  if (!isPreviousRunning || overlap === 'allow') return 'run';
  return { skip: 'skip', queue: 'wait', replace: 'replace' }[overlap] as RunDecision;
}

/** Until then nothing needs to be done; undefined: never. */
export function wakeMs(state: ScheduleState, nextMs: number | undefined): number | undefined {
  const dueMs = state.pending[0]?.dueMs;
  if (dueMs === undefined || nextMs === undefined) return dueMs ?? nextMs;
  return Math.min(dueMs, nextMs);
}

/** The first time after an instant that lies between the schedule's start and its end. */
export function nextWithin(
  instantMs: number,
  { startMs = -Infinity, endMs = Infinity }: Pick<CronTrigger, 'startMs' | 'endMs'>,
  after: (instantMs: number) => number | undefined,
): number | undefined {
  const time = after(Math.max(instantMs, startMs - 1));
  return time !== undefined && time <= endMs ? time : undefined;
}

function timesBetween(
  fromMs: number,
  untilMs: number,
  bounds: Pick<CronTrigger, 'startMs' | 'endMs'>,
  after: (instantMs: number) => number | undefined,
): readonly number[] {
  const times: number[] = [];
  let time = nextWithin(fromMs, bounds, after);
  while (time !== undefined && time <= untilMs) {
    times.push(time);
    if (times.length > 2 * missedLimit) times.splice(0, missedLimit);
    time = nextWithin(time, bounds, after);
  }
  return times.slice(-missedLimit);
}

function keptOf(missed: readonly number[], misfire: CronTrigger['misfire']): readonly number[] {
  if (misfire === 'skip') return [];
  return misfire === 'once' ? missed.slice(-1) : missed.slice(-pendingLimit);
}

const skip = (
  plannedMs: number,
  decidedMs: number,
  skipped: NonNullable<PlannedRun['skipped']>,
): PlannedRun => ({ plannedMs, decidedMs, skipped });
