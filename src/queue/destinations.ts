import {
  asyncSettingsOf,
  outsideSettings,
  type DestinationSettings,
} from '../domain/async-settings.ts';
import type { AsyncInvoker } from '../domain/event-queue.ts';
import { liveVersion, type FunctionStore } from '../domain/function.ts';
import type { InvocationRecord } from '../domain/invocation-record.ts';
import { asyncBodyLimitBytes } from '../domain/limits.ts';
import type { Logger } from '../domain/logger.ts';
import { causeOf, type Tracing } from '../domain/trace.ts';
import { uuidOf } from '../lib/uuid-of.ts';
import { destinationEvent, destinationOf } from './destination-policy.ts';
import type { InvocationStore } from './invocation-store.ts';

export interface DestinationsOptions {
  readonly store: InvocationStore;
  readonly invoker: AsyncInvoker;
  readonly functions: Pick<FunctionStore, 'get'>;
  readonly tracing: Pick<Tracing, 'beginAttempt'>;
  readonly logger: Logger;
}

/**
 * Tells of how an invocation ended, by another one: of the function that is to be told; or, where
 * someone outside is, of the same function's queue, where its tries can be seen and taken up again.
 */
export class Destinations {
  readonly #options: DestinationsOptions;

  constructor(options: DestinationsOptions) {
    this.#options = options;
  }

  /**
   * Once for each end, however often it is called: the id is made of the end. Durable when it
   * resolves. @throws HostError `unavailable` when Redis is away.
   */
  async tell(record: InvocationRecord): Promise<void> {
    const destination = destinationOf(record);
    if (!destination) return;
    const { store, invoker, logger, tracing } = this.#options;
    const { id, functionName, endedMs, head } = record;
    const addressee = this.#addressee(record, destination);
    if (!addressee) {
      const fields = { invocationId: id, functionName, destination };
      logger.warn(fields, 'The destination of an invocation is not deployed: it was not told.');
      return;
    }
    const trace = record.trace && tracing.beginAttempt([causeOf(record.trace)]);
    await invoker.enqueue({
      ...addressee,
      id: uuidOf(`destination/${id}/${endedMs}`),
      source: 'destination',
      head: {
        trigger: 'event',
        method: 'POST',
        url: '/',
        headers: [],
        sourceIp: '',
        callDepth: (head.callDepth ?? 0) + 1,
      },
      body: this.#fitting(record, await store.readBody(id), await store.readAnswer(id)),
      ...(trace ? { trace } : {}),
    });
  }

  #addressee({ functionName, settings }: InvocationRecord, destination: DestinationSettings) {
    if (!('function' in destination)) {
      return { functionName, destination, settings: outsideSettings(settings) };
    }
    const target = this.#options.functions.get(destination.function);
    if (!target) return undefined;
    const targetSettings = asyncSettingsOf(liveVersion(target).spec);
    return { functionName: target.name, settings: targetSettings };
  }

  /** Payloads that do not fit together are left out, both: `requestId` leads to them. */
  #fitting(record: InvocationRecord, request?: Uint8Array, answer?: Uint8Array): Uint8Array {
    const whole = Buffer.from(JSON.stringify(destinationEvent(record, request, answer)));
    if (whole.byteLength <= asyncBodyLimitBytes) return whole;
    return Buffer.from(JSON.stringify(destinationEvent(record, undefined, undefined)));
  }
}
