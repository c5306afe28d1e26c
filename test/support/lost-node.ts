import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noTracing } from '../../src/domain/trace.ts';
import { Destinations } from '../../src/queue/destinations.ts';
import { EventQueueConnection } from '../../src/queue/event-queue-connection.ts';
import type { TakenJob } from '../../src/queue/event-queue-poller.ts';
import { EventQueueProducer } from '../../src/queue/event-queue-producer.ts';
import { InvocationDelivery } from '../../src/queue/invocation-delivery.ts';
import { InvocationStore } from '../../src/queue/invocation-store.ts';
import { ResultJournal } from '../../src/queue/result-journal.ts';
import { answered } from './event-queue-worker.ts';
import { recordOf, specOf } from './function-records.ts';
import { silentLogger } from './silent-logger.ts';

/** A worker node that stands still between taking an invocation and beginning it. */
export class LostNode implements AsyncDisposable {
  /** Attempts that it has begun. */
  attempts = 0;
  readonly #node: string;
  readonly #connection: EventQueueConnection;
  readonly #delivery: InvocationDelivery;
  readonly #folder: string;

  private constructor(folder: string, socketPath: string, node: string) {
    this.#folder = folder;
    this.#node = node;
    const options = { redis: { path: socketPath }, keyPrefix: 'test', logger: silentLogger };
    const connection = new EventQueueConnection(options);
    const tracing = noTracing;
    const store = new InvocationStore(connection);
    const invoker = new EventQueueProducer(connection, tracing);
    const functions = { get: (name: string) => recordOf(specOf(name)) };
    const destinations = new Destinations({
      store,
      invoker,
      functions,
      tracing,
      logger: silentLogger,
    });
    this.#connection = connection;
    this.#delivery = new InvocationDelivery({
      node,
      connection,
      store,
      journal: new ResultJournal(join(folder, 'results.jsonl')),
      destinations,
      logger: silentLogger,
      runner: {
        run: async () => {
          this.attempts += 1;
          return answered('from a node that was lost');
        },
      },
    });
  }

  static async start(socketPath: string, node: string): Promise<LostNode> {
    const folder = await mkdtemp(join(tmpdir(), 'hearth-worker-'));
    const lost = new LostNode(folder, socketPath, node);
    await lost.#connection.start(AbortSignal.timeout(30_000));
    return lost;
  }

  /** The last thing that it does before it is lost. */
  async take(functionName: string): Promise<TakenJob> {
    const token = `token of ${this.#node}`;
    const taken = await this.#connection.queue(functionName).moveToActive(token, this.#node);
    return { id: String((taken as readonly unknown[])[1]), token };
  }

  /** It is back and goes on where it stood still. */
  deliver(functionName: string, job: TakenJob): Promise<void> {
    const queue = this.#connection.queue(functionName);
    return this.#delivery.deliver(queue, job, new AbortController().signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
