import type { Redis } from 'ioredis';
import type { PlannedRun } from '../domain/schedule.ts';
import type { Service } from '../domain/service.ts';
import {
  connect,
  newRedis,
  redisUnavailable,
  type RedisConnectionOptions,
} from '../lib/redis-connection.ts';
import type { ScheduleState } from './planning-policy.ts';
import { forgetScript, leadScript, leaveScript, saveScript } from './schedule-scripts.ts';

/** Entries kept of the history of each schedule. */
export const historyLimit = 100;

/** What is remembered of schedules, in the durable Redis. A schedule is `<function>/<name>`. */
export class ScheduleStore implements Service {
  readonly name = 'schedule store';
  readonly #prefix: string;
  readonly #redis: Redis;

  constructor(options: RedisConnectionOptions) {
    this.#prefix = `${options.keyPrefix}{schedules}:`;
    this.#redis = newRedis(options, 'schedules');
  }

  async start(signal: AbortSignal): Promise<void> {
    await connect(this.#redis, signal);
  }

  async stop(): Promise<void> {
    this.#redis.disconnect();
  }

  /** Becomes or stays the leader for so long. Resolves to the epoch; 0: someone else is. */
  async lead(who: string, ttlMs: number): Promise<number> {
    return Number(await this.#run(leadScript, ['leader', 'epoch'], who, ttlMs));
  }

  async leave(who: string): Promise<void> {
    await this.#run(leaveScript, ['leader'], who);
  }

  async states(): Promise<ReadonlyMap<string, ScheduleState>> {
    const all = await this.#translated(this.#redis.hgetall(this.#key('states')));
    return new Map(
      Object.entries(all).map(([schedule, json]) => [schedule, JSON.parse(json) as ScheduleState]),
    );
  }

  /** Resolves to false when a later leader has taken over: then nothing was written. */
  async save(
    epoch: number,
    schedule: string,
    state: ScheduleState,
    history: readonly PlannedRun[],
  ): Promise<boolean> {
    const entries = history.slice(-historyLimit).map((entry) => JSON.stringify(entry));
    const keys = ['epoch', 'states', historyOf(schedule)];
    const args = [epoch, schedule, JSON.stringify(state), historyLimit, ...entries];
    return (await this.#run(saveScript, keys, ...args)) === 1;
  }

  async forget(epoch: number, schedule: string): Promise<void> {
    const keys = ['epoch', 'states', historyOf(schedule), 'paused'];
    await this.#run(forgetScript, keys, epoch, schedule);
  }

  async paused(): Promise<ReadonlySet<string>> {
    return new Set(await this.#translated(this.#redis.hkeys(this.#key('paused'))));
  }

  async pause(schedule: string): Promise<void> {
    const since = new Date().toISOString();
    await this.#translated(this.#redis.hset(this.#key('paused'), schedule, since));
  }

  async resume(schedule: string): Promise<void> {
    await this.#translated(this.#redis.hdel(this.#key('paused'), schedule));
  }

  /** The newest first. */
  async history(schedule: string): Promise<readonly PlannedRun[]> {
    const key = this.#key(historyOf(schedule));
    const entries = await this.#translated(this.#redis.lrange(key, 0, historyLimit - 1));
    return entries.map((json) => JSON.parse(json) as PlannedRun);
  }

  #key(name: string): string {
    return `${this.#prefix}${name}`;
  }

  #run(script: string, names: readonly string[], ...args: (string | number)[]): Promise<unknown> {
    const keys = names.map((name) => this.#key(name));
    return this.#translated(this.#redis.eval(script, keys.length, ...keys, ...args));
  }

  async #translated<T>(reply: Promise<T>): Promise<T> {
    try {
      return await reply;
    } catch (cause) {
      throw redisUnavailable(cause);
    }
  }
}

const historyOf = (schedule: string): string => `history:${schedule}`;
