import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { StreamedFact } from '../domain/facts.ts';
import type { Logger } from '../domain/logger.ts';
import type { Service } from '../domain/service.ts';
import { Backoff } from '../lib/backoff.ts';
import { connect, newRedis, type RedisConnectionOptions } from '../lib/redis-connection.ts';
import { decodeEntry, type EntryFields } from './fact-entries.ts';
import { factStreamKey } from './fact-stream.ts';

export interface DurableListenerOptions extends RedisConnectionOptions {
  /** Those of one group share the facts among them. */
  readonly group: string;
  /** Names this process in its group; after a restart it takes up what it had begun. */
  readonly member: string;
  /** Is anyone to be told of anything? While nobody is, nothing is read. */
  readonly isWanted: () => boolean;
  /** Facts of one entry. What rejects is handed over again: at least once. */
  readonly handle: (facts: readonly StreamedFact[]) => Promise<void>;
}

/** One blocking read; shorter than the time after which a command is given up. */
const blockMs = 2_000;
const readCount = 20;
const idlePauseMs = 250;

/** What a member has held for so long is another's: it died, or is cut off. */
const abandonedMs = 30_000;

type Entry = readonly [id: string, fields: EntryFields | null];

/**
 * A member of a consumer group on the stream of facts: each entry is handled by one of the group, and
 * kept for it until that is done, also when the process dies meanwhile. The group begins with the
 * facts from now on when somebody is to be told, and is gone when nobody is.
 */
export class DurableListener implements Service {
  readonly name = 'durable listener';
  readonly #options: DurableListenerOptions;
  readonly #key: string;
  readonly #logger: Logger;
  readonly #redis: Redis;
  readonly #stopped = new AbortController();
  #hasGroup = false;
  #isReading = false;
  /** Where to read: `0`, what this member was given and has not finished; `>`, what is new. */
  #from: '0' | '>' = '0';
  #lastClaimMs = 0;
  #listening: Promise<void> | undefined;

  constructor(options: DurableListenerOptions) {
    this.#options = options;
    this.#key = factStreamKey(options.keyPrefix);
    this.#logger = options.logger;
    this.#redis = newRedis(options, 'durable listeners');
  }

  async start(signal: AbortSignal): Promise<void> {
    await connect(this.#redis, signal);
    this.#listening = this.#listen();
  }

  /** What is being handled may end until `grace` aborts. */
  async stop(grace: AbortSignal): Promise<void> {
    this.#stopped.abort();
    if (this.#isReading) this.#redis.disconnect();
    const ended = this.#listening ?? Promise.resolve();
    await Promise.race([ended, delay(blockMs), aborted(grace)]);
    this.#redis.disconnect();
    await ended;
  }

  async #listen(): Promise<void> {
    const { signal } = this.#stopped;
    const backoff = new Backoff({ firstMs: 100, lastMs: 5_000 });
    while (!signal.aborted) {
      try {
        await this.#step(signal);
        backoff.reset();
      } catch (error) {
        if (signal.aborted) return;
        this.#hasGroup = false; // Redis may have lost it
        this.#from = '0';
        this.#logger.warn({ error }, 'Listeners were not told of facts; trying again.');
        await backoff.wait(signal);
      }
    }
  }

  async #step(signal: AbortSignal): Promise<void> {
    const { group, isWanted } = this.#options;
    if (!isWanted()) {
      if (this.#hasGroup) await this.#redis.xgroup('DESTROY', this.#key, group);
      this.#hasGroup = false;
      await delay(idlePauseMs, undefined, { signal }).catch(() => {});
      return;
    }
    if (!this.#hasGroup) await this.#makeGroup();
    for (const [id, fields] of [...(await this.#abandoned()), ...(await this.#read())]) {
      if (signal.aborted) return;
      // What was trimmed before it could be handled has no fields any more.
      if (fields) await this.#options.handle(decodeEntry(id, fields));
      await this.#redis.xack(this.#key, group, id);
    }
  }

  async #makeGroup(): Promise<void> {
    try {
      await this.#redis.xgroup('CREATE', this.#key, this.#options.group, '$', 'MKSTREAM');
    } catch (error) {
      if (!String(error).includes('BUSYGROUP')) throw error;
    }
    this.#hasGroup = true;
  }

  async #read(): Promise<readonly Entry[]> {
    const { group, member } = this.#options;
    const from = this.#from;
    this.#isReading = true;
    const reply = await this.#redis
      .xreadgroup(
        ...(['GROUP', group, member, 'COUNT', readCount] as const),
        ...(['BLOCK', blockMs, 'STREAMS', this.#key, from] as const),
      )
      .finally(() => {
        this.#isReading = false;
      });
    const streams = reply as readonly (readonly [string, readonly Entry[]])[] | null;
    const entries = streams?.[0]?.[1] ?? [];
    if (from === '0' && entries.length === 0) this.#from = '>';
    return entries;
  }

  /** What others of the group began and did not finish. */
  async #abandoned(): Promise<readonly Entry[]> {
    const nowMs = Date.now();
    if (nowMs - this.#lastClaimMs < abandonedMs) return [];
    this.#lastClaimMs = nowMs;
    const { group, member } = this.#options;
    const [, entries] = (await this.#redis.xautoclaim(
      ...([this.#key, group, member, abandonedMs, '0', 'COUNT', readCount] as const),
    )) as unknown as readonly [string, readonly Entry[]];
    return entries;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
