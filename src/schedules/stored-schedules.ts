import { randomUUID } from 'node:crypto';
import { HostError } from '../domain/errors.ts';
import type { AsyncInvoker } from '../domain/event-queue.ts';
import type { FunctionStore } from '../domain/function.ts';
import type { InvocationRecords } from '../domain/invocation-records.ts';
import type { CronTrigger, PlannedRun, Schedules, ScheduleView } from '../domain/schedule.ts';
import { cronInvocation } from './cron-event.ts';
import { cronTimes } from './cron-times.ts';
import { deployedSchedules, type DeployedSchedule } from './deployed-schedules.ts';
import { nextWithin } from './planning-policy.ts';
import type { ScheduleStore } from './schedule-store.ts';

export interface StoredSchedulesOptions {
  readonly functions: Pick<FunctionStore, 'get' | 'list'>;
  readonly store: ScheduleStore;
  readonly invoker: AsyncInvoker;
  readonly records: Pick<InvocationRecords, 'get'>;
}

/** What can be asked and told of schedules, at any gateway; the planner that leads follows. */
export class StoredSchedules implements Schedules {
  readonly #options: StoredSchedulesOptions;

  constructor(options: StoredSchedulesOptions) {
    this.#options = options;
  }

  problems(triggers: readonly Pick<CronTrigger, 'schedule' | 'timeZone'>[]): readonly string[] {
    return triggers.flatMap(({ schedule, timeZone }) => {
      try {
        cronTimes(schedule, timeZone);
        return [];
      } catch (error) {
        return [(error as RangeError).message];
      }
    });
  }

  async list(): Promise<readonly ScheduleView[]> {
    const paused = await this.#options.store.paused();
    return deployedSchedules(this.#options.functions.list())
      .toSorted((a, b) => (a.key < b.key ? -1 : 1))
      .map(({ key, spec, trigger }) => {
        const isPaused = paused.has(key);
        const nextMs = isPaused ? undefined : nextTimes(trigger, 1)[0];
        return { functionName: spec.name, trigger, isPaused, nextMs };
      });
  }

  next(functionName: string, name: string, count: number): readonly number[] {
    return nextTimes(this.#find(functionName, name).trigger, count);
  }

  async pause(functionName: string, name: string): Promise<void> {
    await this.#options.store.pause(this.#find(functionName, name).key);
  }

  async resume(functionName: string, name: string): Promise<void> {
    await this.#options.store.resume(this.#find(functionName, name).key);
  }

  async trigger(functionName: string, name: string): Promise<string> {
    const { spec, trigger } = this.#find(functionName, name);
    const id = randomUUID();
    await this.#options.invoker.enqueue(cronInvocation(id, spec, trigger, Date.now()));
    return id;
  }

  async history(functionName: string, name: string) {
    const runs = await this.#options.store.history(this.#find(functionName, name).key);
    return await Promise.all(runs.map((run) => this.#withState(run)));
  }

  async #withState(run: PlannedRun) {
    const { invocationId: id } = run;
    const record = id === undefined ? undefined : await this.#options.records.get(id);
    return record ? { ...run, state: record.state } : run;
  }

  #find(functionName: string, name: string): DeployedSchedule {
    const record = this.#options.functions.get(functionName);
    const schedules = record ? deployedSchedules([record]) : [];
    const found = schedules.find(({ trigger }) => trigger.name === name);
    if (found) return found;
    throw new HostError(
      'not_found',
      'schedules.not_found',
      `Function "${functionName.slice(0, 80)}" has no schedule "${name.slice(0, 80)}": see "hearth schedule ls".`,
    );
  }
}

function nextTimes(trigger: CronTrigger, count: number): readonly number[] {
  const times = cronTimes(trigger.schedule, trigger.timeZone);
  const found: number[] = [];
  let time: number | undefined = Date.now();
  while (found.length < count) {
    time = nextWithin(time, trigger, (ms) => times.after(ms));
    if (time === undefined) break;
    found.push(time);
  }
  return found;
}
