import type { EventQueueControl } from '../domain/event-queue-control.ts';
import type { AsyncInvoker, AttemptRunner } from '../domain/event-queue.ts';
import type { FunctionStore } from '../domain/function.ts';
import type { IdempotencyKeys } from '../domain/idempotency.ts';
import type { InvocationRecords } from '../domain/invocation-records.ts';
import type { NodeId } from '../domain/ids.ts';
import type { Service } from '../domain/service.ts';
import type { Tracing } from '../domain/trace.ts';
import { ServiceGroup } from '../lib/lifecycle.ts';
import type { RedisConnectionOptions } from '../lib/redis-connection.ts';
import { Destinations } from './destinations.ts';
import { EventQueueConnection } from './event-queue-connection.ts';
import { EventQueueConsumer } from './event-queue-consumer.ts';
import { EventQueueProducer } from './event-queue-producer.ts';
import { InvocationDelivery } from './invocation-delivery.ts';
import { InvocationNews } from './invocation-news.ts';
import { InvocationStore } from './invocation-store.ts';
import { RedisEventQueueControl } from './redis-event-queue-control.ts';
import { RedisIdempotencyKeys } from './redis-idempotency-keys.ts';
import { RedisInvocationRecords } from './redis-invocation-records.ts';
import { ResultJournal } from './result-journal.ts';

/** What puts invocations into the event queues and knows what became of them. */
export interface EventQueues {
  readonly service: Service;
  readonly invoker: AsyncInvoker;
  readonly records: InvocationRecords;
  readonly control: EventQueueControl;
  readonly idempotency: IdempotencyKeys;
}

export interface EventQueuesOptions extends RedisConnectionOptions {
  readonly tracing: Tracing;
}

export function createEventQueues(options: EventQueuesOptions): EventQueues {
  const connection = new EventQueueConnection(options);
  const news = new InvocationNews(options);
  const store = new InvocationStore(connection);
  const records = new RedisInvocationRecords(connection, store, news);
  return {
    service: new ServiceGroup('event queues', [connection, news]),
    invoker: new EventQueueProducer(connection, options.tracing),
    records,
    control: new RedisEventQueueControl(connection, store, records),
    idempotency: new RedisIdempotencyKeys(connection),
  };
}

export interface EventQueueWorkerOptions extends EventQueuesOptions {
  readonly node: NodeId;
  readonly runner: AttemptRunner;
  readonly functions: Pick<FunctionStore, 'get'>;
  /** The node's own file of results that are not reported yet. */
  readonly journalPath: string;
}

/** What takes invocations from the event queues and runs them on this node. */
export interface EventQueueWorker {
  readonly service: Service;
  /** Begins again what another node, which is lost, had under way. Idempotent. */
  readonly adopt: (node: NodeId) => Promise<void>;
}

export function createEventQueueWorker(options: EventQueueWorkerOptions): EventQueueWorker {
  const connection = new EventQueueConnection(options);
  const journal = new ResultJournal(options.journalPath);
  const store = new InvocationStore(connection);
  const invoker = new EventQueueProducer(connection, options.tracing);
  const destinations = new Destinations({ ...options, store, invoker });
  const delivery = new InvocationDelivery({
    ...options,
    connection,
    store,
    journal,
    destinations,
  });
  const consumer = new EventQueueConsumer({ ...options, connection, delivery });
  return {
    service: new ServiceGroup('event queues', [connection, journal, consumer]),
    adopt: (node) => consumer.adopt(node),
  };
}
