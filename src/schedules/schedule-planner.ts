import type { AsyncInvoker } from '../domain/event-queue.ts';
import type { FunctionStore } from '../domain/function.ts';
import { isEnded } from '../domain/invocation-record.ts';
import type { InvocationRecords } from '../domain/invocation-records.ts';
import type { Logger } from '../domain/logger.ts';
import type { CronTrigger, PlannedRun } from '../domain/schedule.ts';
import type { Service } from '../domain/service.ts';
import { Repeating } from '../lib/repeating.ts';
import { uuidOf } from '../lib/uuid-of.ts';
import { cronInvocation } from './cron-event.ts';
import { cronTimes, type CronTimes } from './cron-times.ts';
import {
  decide,
  newState,
  nextWithin,
  pauseOrResume,
  plan,
  wakeMs,
  type ScheduleState,
} from './planning-policy.ts';
import { deployedSchedules, type DeployedSchedule } from './deployed-schedules.ts';
import { ScheduleLead } from './schedule-lead.ts';
import type { ScheduleStore } from './schedule-store.ts';

export interface SchedulePlannerOptions {
  readonly functions: Pick<FunctionStore, 'list'>;
  readonly store: ScheduleStore;
  readonly invoker: AsyncInvoker;
  readonly records: Pick<InvocationRecords, 'get' | 'cancel'>;
  readonly logger: Logger;
  readonly times?: { readonly tickMs: number; readonly leaseMs: number };
  readonly now?: () => number;
}

/** How exactly a run begins, and how long the next gateway waits for one that died. */
const usualTimes = { tickMs: 200, leaseMs: 5_000 };

/** Schedules that are worked on at the same time. */
const concurrency = 16;

/** How often it is looked for what was deployed and removed. */
const followMs = 1_000;

/** When the end of a run is looked for, which the next one waits for. */
const pollMs = 500;

interface Entry extends DeployedSchedule {
  readonly times: CronTimes;
  state: ScheduleState;
  /** Nothing needs to be done before; undefined: never. */
  wakeMs: number | undefined;
}

/**
 * Puts the runs of all schedules into the event queues. Every gateway has one; one of them leads.
 *
 * INVARIANT: a planned time is decided on once. What is decided is durable before the invocation is
 * put into its queue, and its id is that of the schedule and the time, so that a leader who takes
 * over finishes what the last one began and does nothing twice; a leader of before cannot write.
 */
export class SchedulePlanner implements Service {
  readonly name = 'schedule planner';
  readonly #options: SchedulePlannerOptions;
  readonly #lead: ScheduleLead;
  readonly #now: () => number;
  readonly #ticking: Repeating;
  #entries = new Map<string, Entry>();
  #followedMs = -Infinity;

  constructor(options: SchedulePlannerOptions) {
    this.#options = options;
    const { tickMs, leaseMs } = options.times ?? usualTimes;
    this.#lead = new ScheduleLead(options.store, leaseMs);
    this.#now = options.now ?? Date.now;
    this.#ticking = new Repeating(tickMs, () => this.#tick());
  }

  async start(): Promise<void> {
    this.#ticking.start();
  }

  /** Another gateway takes over at once. */
  async stop(): Promise<void> {
    await this.#ticking.stop();
    await this.#lead.leave().catch((error: unknown) => {
      this.#options.logger.warn({ error }, 'The lead of the schedules was not given back.');
    });
  }

  async #tick(): Promise<void> {
    try {
      const { isLeading, isNew } = await this.#lead.renew();
      if (isNew) this.#forgetAll();
      if (!isLeading) return;
      await this.#follow();
      if (this.#entries.size > 0) await this.#workOnDue();
    } catch (error) {
      this.#options.logger.warn({ error }, 'Schedules are not planned now; trying again.');
      this.#forgetAll(); // whether it was written is not known
    }
  }

  #forgetAll(): void {
    this.#entries.clear();
    this.#followedMs = -Infinity;
  }

  async #workOnDue(): Promise<void> {
    const paused = await this.#options.store.paused();
    const nowMs = this.#now();
    const due = [...this.#entries.values()].filter(
      ({ key, wakeMs: atMs, state: { isPaused } }) =>
        isPaused !== paused.has(key) || (!isPaused && atMs !== undefined && atMs <= nowMs),
    );
    for (let i = 0; i < due.length; i += concurrency) {
      const some = due.slice(i, i + concurrency);
      await Promise.all(some.map((entry) => this.#work(entry, paused.has(entry.key))));
    }
  }

  /** Takes in what was deployed and removed. */
  async #follow(): Promise<void> {
    if (performance.now() - this.#followedMs < followMs) return;
    this.#followedMs = performance.now();
    const { functions, store } = this.#options;
    const deployed = deployedSchedules(functions.list());
    const isSame =
      deployed.length === this.#entries.size &&
      deployed.every(({ key, trigger }) => this.#entries.get(key)?.trigger === trigger);
    if (isSame && deployed.length > 0) return;
    const states = await store.states();
    const keys = new Set(deployed.map(({ key }) => key));
    for (const key of states.keys()) {
      if (!keys.has(key)) await store.forget(this.#lead.epoch, key);
    }
    const entries = deployed.map((schedule) => this.#entry(schedule, states.get(schedule.key)));
    this.#entries = new Map(entries.map((entry) => [entry.key, entry]));
    const begun = entries.filter(({ key, state }) => states.get(key) !== state);
    await Promise.all(begun.map((entry) => this.#save(entry, entry.state, [])));
  }

  #entry(schedule: DeployedSchedule, known: ScheduleState | undefined): Entry {
    const { trigger } = schedule;
    const text = `${trigger.schedule} ${trigger.timeZone}`;
    const state = known?.text === text ? known : newState(text, this.#now());
    const times = cronTimes(trigger.schedule, trigger.timeZone);
    return { ...schedule, times, state, wakeMs: this.#wake(trigger, times, state) };
  }

  async #work(entry: Entry, isPaused: boolean): Promise<void> {
    const nowMs = this.#now();
    if (isPaused !== entry.state.isPaused) {
      const { state, skipped } = pauseOrResume(entry.state, isPaused, nowMs);
      await this.#save(entry, state, skipped);
    }
    if (isPaused) return;
    const after = (ms: number) => entry.times.after(ms);
    const { state, skipped } = plan(entry.state, entry.trigger, after, nowMs, Math.random);
    if (state !== entry.state) await this.#save(entry, state, skipped);
    while (await this.#beginNext(entry, nowMs));
    entry.wakeMs = this.#wake(entry.trigger, entry.times, entry.state);
    if (entry.wakeMs !== undefined && entry.wakeMs <= nowMs) entry.wakeMs = nowMs + pollMs;
  }

  /** Resolves to whether there may be another to begin. */
  async #beginNext(entry: Entry, nowMs: number): Promise<boolean> {
    const [run, ...rest] = entry.state.pending;
    if (!run) return false;
    const { overlap } = entry.trigger;
    const { lastInvocationId: previous } = entry.state;
    const isRunning = overlap !== 'allow' && (await this.#isRunning(previous));
    const decision = decide(run, overlap, isRunning, nowMs);
    if (decision === 'wait') return false;
    const { plannedMs } = run;
    if (decision === 'skip') {
      const skipped: PlannedRun = { plannedMs, decidedMs: nowMs, skipped: 'overlap' };
      await this.#save(entry, { ...entry.state, pending: rest }, [skipped]);
      return true;
    }
    if (decision === 'replace' && previous !== undefined) {
      await this.#options.records.cancel(previous);
    }
    this.#lead.check();
    const id = uuidOf(`cron:${entry.key}:${new Date(plannedMs).toISOString()}`);
    await this.#options.invoker.enqueue(cronInvocation(id, entry.spec, entry.trigger, plannedMs));
    const state = { ...entry.state, pending: rest, lastInvocationId: id };
    await this.#save(entry, state, [{ plannedMs, decidedMs: nowMs, invocationId: id }]);
    return true;
  }

  async #isRunning(id: string | undefined): Promise<boolean> {
    const record = id === undefined ? undefined : await this.#options.records.get(id);
    return record !== undefined && !isEnded(record.state);
  }

  async #save(entry: Entry, state: ScheduleState, history: readonly PlannedRun[]): Promise<void> {
    this.#lead.check();
    const isSaved = await this.#options.store.save(this.#lead.epoch, entry.key, state, history);
    if (!isSaved) throw new Error('another gateway leads the schedules now');
    entry.state = state;
  }

  #wake(trigger: CronTrigger, times: CronTimes, state: ScheduleState): number | undefined {
    return wakeMs(
      state,
      nextWithin(state.plannedUntilMs, trigger, (ms) => times.after(ms)),
    );
  }
}
