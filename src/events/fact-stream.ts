import type { Redis } from 'ioredis';
import type { FactFeed, StreamedFact } from '../domain/facts.ts';
import type { Logger } from '../domain/logger.ts';
import type { Service } from '../domain/service.ts';
import { Backoff } from '../lib/backoff.ts';
import {
  connect,
  newRedis,
  redisUnavailable,
  type RedisConnectionOptions,
} from '../lib/redis-connection.ts';
import { decodeEntry, entryOf, isAfter, type EntryFields } from './fact-entries.ts';

/** Stream: the facts of all processes, some of one process in each entry (see fact-entries.ts). */
export const factStreamKey = (prefix: string): string => `${prefix}{facts}:stream`;

/** One blocking read; shorter than the time after which a command is given up. */
const blockMs = 2_000;

/** Entries taken at once. */
const readCount = 100;

type Entry = readonly [id: string, fields: EntryFields];

/** Follows the stream of the cluster and tells all who listen. */
export class FactStream implements FactFeed, Service {
  readonly name = 'fact stream';
  readonly #key: string;
  readonly #logger: Logger;
  readonly #commands: Redis;
  readonly #reader: Redis;
  readonly #stopped = new AbortController();
  readonly #listeners = new Set<(fact: StreamedFact) => void>();
  #following: Promise<void> | undefined;

  constructor(options: RedisConnectionOptions) {
    this.#key = factStreamKey(options.keyPrefix);
    this.#logger = options.logger;
    this.#commands = newRedis(options, 'kept facts');
    this.#reader = newRedis(options, 'new facts');
  }

  /** What is published from then on is heard. */
  async start(signal: AbortSignal): Promise<void> {
    await Promise.all([connect(this.#commands, signal), connect(this.#reader, signal)]);
    const newest = await this.#newestEntry();
    this.#following = this.#follow(newest);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#reader.disconnect();
    this.#commands.disconnect();
    await this.#following;
  }

  subscribe(listener: (fact: StreamedFact) => void): () => void {
    const subscription = (fact: StreamedFact) => listener(fact);
    this.#listeners.add(subscription);
    return () => void this.#listeners.delete(subscription);
  }

  async after(id: string, limit: number): Promise<readonly StreamedFact[]> {
    try {
      // From the entry of the fact itself: those that follow in the same entry are wanted too.
      const start = entryOf(id) ?? '-';
      const entries = await this.#commands.xrange(this.#key, start, '+', 'COUNT', limit);
      return entries
        .flatMap(([entryId, fields]) => decodeEntry(entryId, fields))
        .filter((fact) => start === '-' || isAfter(fact.id, id))
        .slice(0, limit);
    } catch (cause) {
      throw redisUnavailable(cause);
    }
  }

  async #newestEntry(): Promise<string> {
    const [newest] = await this.#commands.xrevrange(this.#key, '+', '-', 'COUNT', 1);
    return newest?.[0] ?? '0-0';
  }

  async #follow(from: string): Promise<void> {
    const { signal } = this.#stopped;
    const backoff = new Backoff({ firstMs: 100, lastMs: 5_000 });
    let last = from;
    while (!signal.aborted) {
      try {
        const entries = await this.#read(last);
        for (const [id, fields] of entries) {
          this.#tell(decodeEntry(id, fields));
          last = id;
        }
        backoff.reset();
      } catch (error) {
        if (signal.aborted) return;
        this.#logger.warn({ error }, 'The stream of facts could not be read; trying again.');
        await backoff.wait(signal);
      }
    }
  }

  async #read(last: string): Promise<readonly Entry[]> {
    const args = ['COUNT', readCount, 'BLOCK', blockMs, 'STREAMS', this.#key, last] as const;
    const streams = await this.#reader.xread(...args);
    return streams?.[0]?.[1] ?? [];
  }

  #tell(facts: readonly StreamedFact[]): void {
    for (const fact of facts) {
      for (const listener of this.#listeners) {
        try {
          listener(fact);
        } catch (error) {
          this.#logger.error({ error, fact: fact.fact.type }, 'A listener of facts failed.');
        }
      }
    }
  }
}
