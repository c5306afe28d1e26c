import { HostError } from '../domain/errors.ts';
import type { AsyncInvoker } from '../domain/event-queue.ts';
import type { FactPublisher, StreamedFact } from '../domain/facts.ts';
import type { FunctionRecord } from '../domain/function.ts';
import type { RecordStore } from '../domain/record-store.ts';
import type { Service } from '../domain/service.ts';
import type { Tracing } from '../domain/trace.ts';
import type { WebhookRecord } from '../domain/webhook.ts';
import type { RedisConnectionOptions } from '../lib/redis-connection.ts';
import { DurableListener } from './durable-listener.ts';
import { eventInvocation } from './event-invocation.ts';
import { isFor, subscriptions, type Subscription } from './event-trigger-policy.ts';

type Mirror<R extends { readonly name: string; readonly revision: number }> = Pick<
  RecordStore<R>,
  'list' | 'onChange'
>;

export interface EventTriggersOptions extends RedisConnectionOptions {
  /** Names this process. */
  readonly member: string;
  readonly functions: Mirror<FunctionRecord>;
  readonly webhooks: Mirror<WebhookRecord>;
  readonly invoker: AsyncInvoker;
  readonly facts: FactPublisher;
  readonly tracing: Pick<Tracing, 'beginAttempt'>;
}

const group = 'triggers';

/**
 * Tells functions and webhooks of the facts that they want to be told of, by their event queues. All
 * gateways share the work. Started after the records.
 */
export class EventTriggers implements Service {
  readonly name = 'event triggers';
  readonly #options: EventTriggersOptions;
  readonly #listener: DurableListener;
  #subscriptions: readonly Subscription[] = [];
  #triggered: ReadonlySet<string> = new Set();

  constructor(options: EventTriggersOptions) {
    this.#options = options;
    this.#listener = new DurableListener({
      ...options,
      group,
      isWanted: () => this.#subscriptions.length > 0,
      handle: (facts) => this.#tell(facts),
    });
    options.functions.onChange(() => this.#follow());
    options.webhooks.onChange(() => this.#follow());
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#follow();
    await this.#listener.start(signal);
  }

  stop(grace: AbortSignal): Promise<void> {
    return this.#listener.stop(grace);
  }

  #follow(): void {
    const { functions, webhooks } = this.#options;
    this.#subscriptions = subscriptions(functions.list(), webhooks.list());
    const triggered = this.#subscriptions.filter(({ destination }) => !destination);
    this.#triggered = new Set(triggered.map(({ queue }) => queue));
  }

  async #tell(facts: readonly StreamedFact[]): Promise<void> {
    const { invoker, tracing } = this.#options;
    const dropped = new Map<string, number>();
    const isTriggered = (name: string) => this.#triggered.has(name);
    const telling = facts.flatMap((streamed) =>
      this.#subscriptions
        .filter((subscription) => isFor(subscription, streamed.fact, isTriggered))
        .map(async (subscription) => {
          try {
            await invoker.enqueue(eventInvocation(subscription, streamed, tracing));
          } catch (error) {
            if (!isFull(error)) throw error;
            dropped.set(subscription.queue, (dropped.get(subscription.queue) ?? 0) + 1);
          }
        }),
    );
    await Promise.all(telling);
    for (const [queue, count] of dropped) {
      this.#options.facts.publish('event.dropped', { queue, count });
    }
  }
}

/** Who has a full queue misses facts, rather than that the others wait for theirs. */
const isFull = (error: unknown): boolean =>
  error instanceof HostError && error.reason === 'async.queue_full';
