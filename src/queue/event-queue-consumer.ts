import type { Redis } from 'ioredis';
import type { AttemptRunner } from '../domain/event-queue.ts';
import type { NodeId } from '../domain/ids.ts';
import type { Service } from '../domain/service.ts';
import { connect, newRedis, type RedisConnectionOptions } from '../lib/redis-connection.ts';
import { Repeating } from '../lib/repeating.ts';
import { lockMs, stalledCheckMs, type EventQueueConnection } from './event-queue-connection.ts';
import { EventQueuePoller, type TakenJob } from './event-queue-poller.ts';
import type { InvocationDelivery } from './invocation-delivery.ts';
import { jobsTakenBy } from './taken-jobs.ts';

/** How often the queues are looked up that have become due; news come at once, by a channel. */
const lookIntervalMs = 250;

/** Queues attached in one look. */
const lookLimit = 1_000;

const lockRenewalMs = lockMs / 4;

export interface EventQueueConsumerOptions extends RedisConnectionOptions {
  readonly node: NodeId;
  readonly connection: EventQueueConnection;
  readonly delivery: InvocationDelivery;
  readonly runner: Pick<AttemptRunner, 'capacityFor'>;
}

/**
 * A worker's end of the event queues. It watches one list of the queues that have work, and attaches
 * a poller to those alone: ten thousand functions with empty queues cost nothing.
 */
export class EventQueueConsumer implements Service {
  readonly name = 'event queue consumer';
  readonly #options: EventQueueConsumerOptions;
  readonly #news: Redis;
  readonly #pollers = new Map<string, EventQueuePoller>();
  readonly #lastStalledCheckMs = new Map<string, number>();
  readonly #looking: Repeating;
  readonly #renewing: Repeating;
  readonly #running = new Set<Promise<void>>();
  readonly #abandoned = new AbortController();

  constructor(options: EventQueueConsumerOptions) {
    this.#options = options;
    this.#news = newRedis(options, 'news of event queues');
    this.#looking = new Repeating(lookIntervalMs, () => this.#guard(this.#look()));
    this.#renewing = new Repeating(lockRenewalMs, () => this.#guard(this.#renewLocks()));
  }

  async start(signal: AbortSignal): Promise<void> {
    const { keys } = this.#options.connection;
    await connect(this.#news, signal);
    this.#news.on('message', (channel: string, message: string) => {
      if (channel === keys.cancel) this.#options.delivery.cancel(message);
      else this.#poke(message);
    });
    // News that were missed while the connection was lost are found by looking.
    this.#news.on('ready', () => void this.#guard(this.#follow()));
    await this.adopt(this.#options.node); // of the time before, and so before anything is taken
    await this.#follow();
    this.#looking.start();
    this.#renewing.start();
  }

  /** Takes nothing more; what runs may end until `grace` aborts, and is handed back then. */
  async stop(grace: AbortSignal): Promise<void> {
    await this.#looking.stop();
    this.#news.disconnect();
    for (const poller of this.#pollers.values()) poller.stop();
    await Promise.race([Promise.all(this.#running), aborted(grace)]);
    this.#abandoned.abort();
    await this.#renewing.stop();
    await this.#guard(this.adopt(this.#options.node));
  }

  async #follow(): Promise<void> {
    const { wake, cancel } = this.#options.connection.keys;
    await this.#news.subscribe(wake, cancel);
  }

  /**
   * Hands back what a node, this or another one that is lost, had under way, or had taken and not begun: it begins
   * (again). Should that node be alive, its results come too late, and it begins nothing of that.
   * Several may do it at once.
   */
  async adopt(node: NodeId): Promise<void> {
    const { connection, delivery } = this.#options;
    const running = await connection.redis.hgetall(connection.keys.running(node));
    for (const [id, entry] of Object.entries(running)) {
      const [functionName = '', token = ''] = entry.split(' ');
      await delivery.recover(functionName, { id, token });
    }
    for await (const [functionName, job] of jobsTakenBy(connection, node)) {
      await delivery.recover(functionName, job);
    }
  }

  /** Pokes the queues that are due, and lets go of pollers that have nothing to do. */
  async #look(): Promise<void> {
    const { redis, keys } = this.#options.connection;
    const limit = ['LIMIT', 0, lookLimit] as const;
    const due = await redis.zrangebyscore(keys.work, '-inf', Date.now(), ...limit);
    for (const functionName of due) {
      await this.#checkStalled(functionName);
      this.#poke(functionName);
    }
    for (const [functionName, poller] of this.#pollers) {
      if (poller.isIdle) this.#pollers.delete(functionName);
    }
  }

  #poke(functionName: string): void {
    let poller = this.#pollers.get(functionName);
    if (!poller) {
      poller = this.#attach(functionName);
      this.#pollers.set(functionName, poller);
    }
    poller.poke();
  }

  #attach(functionName: string): EventQueuePoller {
    const { connection, node, runner, delivery, logger } = this.#options;
    const queue = connection.queue(functionName);
    const deliver = (job: TakenJob): Promise<void> => {
      const running = delivery.deliver(queue, job, this.#abandoned.signal);
      this.#running.add(running);
      return running.finally(() => this.#running.delete(running));
    };
    return new EventQueuePoller({
      node,
      queue,
      capacity: () => runner.capacityFor(functionName),
      deliver,
      onDrained: () => void this.#guard(this.#settle(functionName)),
      onError: (error) => logger.warn({ error, functionName }, 'An event queue is not reachable.'),
    });
  }

  /** Nothing can be taken: the list learns when to look again, or forgets the queue. */
  async #settle(functionName: string): Promise<void> {
    const { connection } = this.#options;
    const { keys: of } = connection.queue(functionName);
    const names = [
      'wait',
      'prioritized',
      'delayed',
      'active',
      'meta',
      'marker',
      'events',
      'id',
      'pc',
    ];
    const nowMs = Date.now();
    const keys = [connection.keys.work, ...names.map((name) => of[name])];
    const again = await connection.run('settleQueue', [
      ...keys,
      functionName,
      nowMs,
      nowMs + stalledCheckMs,
    ]);
    if (again === -1) this.#lastStalledCheckMs.delete(functionName);
  }

  /** Jobs whose worker died are taken from it, once their lock has run out. */
  async #checkStalled(functionName: string): Promise<void> {
    const nowMs = Date.now();
    if (nowMs - (this.#lastStalledCheckMs.get(functionName) ?? 0) < stalledCheckMs) return;
    this.#lastStalledCheckMs.set(functionName, nowMs);
    await this.#options.connection.queue(functionName).moveStalledJobsToWait();
  }

  async #renewLocks(): Promise<void> {
    const { connection } = this.#options;
    const renewals = [...this.#pollers].map(async ([functionName, poller]) => {
      const held = [...poller.held];
      if (held.length === 0) return;
      const ids = held.map(({ id }) => id);
      const tokens = held.map(({ token }) => token);
      await connection.queue(functionName).extendLocks(ids, tokens, lockMs);
    });
    await Promise.all(renewals);
  }

  /** Redis may be away; the next time will do. */
  async #guard(task: Promise<void>): Promise<void> {
    try {
      await task;
    } catch (error) {
      this.#options.logger.warn({ error }, 'The event queues are not reachable.');
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
