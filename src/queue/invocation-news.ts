import type { Redis } from 'ioredis';
import type { InvocationId } from '../domain/ids.ts';
import type { Service } from '../domain/service.ts';
import { connect, newRedis, type RedisConnectionOptions } from '../lib/redis-connection.ts';
import { eventQueueKeys } from './event-queue-keys.ts';

/** Tells who follows an invocation that it has changed: one connection, a channel for each that is followed. */
export class InvocationNews implements Service {
  readonly name = 'news of invocations';
  readonly #redis: Redis;
  readonly #channelOf: (id: InvocationId) => string;
  readonly #listeners = new Map<string, Set<() => void>>();

  constructor(options: RedisConnectionOptions) {
    this.#redis = newRedis(options, this.name);
    this.#channelOf = eventQueueKeys(options.keyPrefix).news;
    this.#redis.on('message', (channel: string) => this.#tell(channel));
  }

  async start(signal: AbortSignal): Promise<void> {
    await connect(this.#redis, signal);
    this.#redis.on('ready', () => this.#catchUp());
  }

  async stop(): Promise<void> {
    this.#redis.disconnect();
  }

  /** Calls the listener when there may be news; once this has resolved none is missed. */
  async follow(id: InvocationId, listener: () => void): Promise<AsyncDisposable> {
    const channel = this.#channelOf(id);
    const listeners = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, listeners.add(listener));
    const leave = async () => {
      listeners.delete(listener);
      if (listeners.size > 0 || this.#listeners.get(channel) !== listeners) return;
      this.#listeners.delete(channel);
      await this.#redis.unsubscribe(channel).catch(() => {}); // gone with the connection then
    };
    try {
      await this.#redis.subscribe(channel);
    } catch (error) {
      await leave();
      throw error;
    }
    return { [Symbol.asyncDispose]: leave };
  }

  #tell(channel: string): void {
    for (const listener of this.#listeners.get(channel) ?? []) listener();
  }

  /** After a lost connection: subscribed again, and everyone looks for what was missed. */
  #catchUp(): void {
    for (const channel of this.#listeners.keys()) {
      this.#redis.subscribe(channel).then(
        () => this.#tell(channel),
        () => {}, // lost again: the next 'ready' does it
      );
    }
  }
}
