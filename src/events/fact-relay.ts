import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Fact, FactType } from '../domain/facts.ts';
import type { Service } from '../domain/service.ts';
import { connect, newRedis, type RedisConnectionOptions } from '../lib/redis-connection.ts';
import type { FactBus } from './fact-bus.ts';
import { encodeEntries } from './fact-entries.ts';
import { factStreamKey } from './fact-stream.ts';

export interface FactRelayOptions extends RedisConnectionOptions {
  readonly bus: FactBus;
  /** Names this process in the stream. */
  readonly source: string;
}

/** Two facts for each invocation would be one too many: these are for listeners of this process. */
const staysLocal: ReadonlySet<FactType> = new Set(['http.answered']);

/** What gathers meanwhile goes together: forty times a second however many facts there are. */
const pauseMs = 25;

/** Facts that go together, so that publishers never wait for long while they are written down. */
const batchLimit = 1_000;

/** Facts that wait for a slow Redis; what comes beyond is lost, and counted. */
const pendingLimit = 50_000;

/**
 * Entries kept for those who resume; a busy cluster's last minutes, a quiet one's last days. With
 * 16 KiB each they are 160 MiB of the fast Redis at most.
 */
const entriesKept = 10_000;

/**
 * Puts the facts of this process into the stream of the cluster, in the fast Redis. A publisher
 * waits for nothing: what cannot be sent is lost, and told as `facts.lost`.
 */
export class FactRelay implements Service {
  readonly name = 'fact relay';
  readonly #options: FactRelayOptions;
  readonly #redis: Redis;
  readonly #stopped = new AbortController();
  #unsubscribe = (): void => {};
  #pending: Fact[] = [];
  #lost = 0;
  #sending: Promise<void> | undefined;

  constructor(options: FactRelayOptions) {
    this.#options = options;
    this.#redis = newRedis(options, 'the stream of facts');
  }

  async start(signal: AbortSignal): Promise<void> {
    await connect(this.#redis, signal);
    this.#unsubscribe = this.#options.bus.subscribe((fact) => this.#add(fact));
  }

  /** Sends what has gathered, unless `grace` is over before. Idempotent. */
  async stop(grace: AbortSignal): Promise<void> {
    this.#unsubscribe();
    this.#stopped.abort();
    const giveUp = () => this.#redis.disconnect();
    grace.addEventListener('abort', giveUp, { once: true });
    if (grace.aborted) giveUp();
    await this.#sending;
    grace.removeEventListener('abort', giveUp);
    giveUp();
  }

  #add(fact: Fact): void {
    if (staysLocal.has(fact.type)) return;
    if (this.#pending.length >= pendingLimit) this.#lost += 1;
    else this.#pending.push(fact);
    this.#sending ??= this.#send().finally(() => {
      this.#sending = undefined;
    });
  }

  async #send(): Promise<void> {
    const { signal } = this.#stopped;
    while (this.#pending.length > 0) {
      await delay(pauseMs, undefined, { signal }).catch(() => {}); // who stops does not wait
      const batch = this.#pending.splice(0, batchLimit);
      await this.#sendBatch(batch);
    }
  }

  async #sendBatch(batch: readonly Fact[]): Promise<void> {
    const { bus, keyPrefix, source } = this.#options;
    const key = factStreamKey(keyPrefix);
    const pipeline = this.#redis.pipeline();
    const entries = encodeEntries(source, batch);
    for (const { fields } of entries) {
      pipeline.xadd(key, 'MAXLEN', '~', entriesKept, '*', ...fields);
    }
    const replies = (await pipeline.exec().catch(() => null)) ?? [];
    // Why one was refused is in the log of the connection.
    const lost = entries.filter((_, index) => replies[index]?.[0] !== null);
    for (const { facts } of lost) this.#lost += facts;
    if (lost.length > 0) return;
    if (this.#lost > 0) bus.publish('facts.lost', { count: this.#lost });
    this.#lost = 0;
  }
}
