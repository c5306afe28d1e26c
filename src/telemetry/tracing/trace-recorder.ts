import type { Fact } from '../../domain/facts.ts';
import type { Logger } from '../../domain/logger.ts';
import type { Service } from '../../domain/service.ts';
import { PresetIds } from './preset-ids.ts';
import { plannedSpans, type PlannedSpan } from './span-plan.ts';

export interface TraceRecorderOptions {
  /** `service.name`, unless OTEL_SERVICE_NAME says otherwise. */
  readonly serviceName: string;
  readonly logger: Logger;
}

type Record = (span: PlannedSpan) => void;

/**
 * Makes spans of facts and sends them as the standard variables `OTEL_…` say. Listens in the process
 * in which the facts happen. The SDK is loaded by `start` only: who does not trace does not pay.
 */
export class TraceRecorder implements Service {
  readonly name = 'trace recorder';
  readonly #options: TraceRecorderOptions;
  #record: Record = () => {};
  #shutdown = async (): Promise<void> => {};

  constructor(options: TraceRecorderOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { NodeSDK, api, core } = await loadSdk();
    const ids = new PresetIds();
    const sdk = new NodeSDK({
      idGenerator: ids,
      sampler: new core.AlwaysOnSampler(), // what is not to be recorded does not get this far
      metricReaders: [], // ours are on /metrics
      logRecordProcessors: [],
      resourceDetectors: [],
      serviceName: this.#options.serviceName,
    });
    sdk.start();
    const tracer = api.trace.getTracer('hearth');
    const kinds = {
      server: api.SpanKind.SERVER,
      consumer: api.SpanKind.CONSUMER,
      internal: api.SpanKind.INTERNAL,
    };
    this.#record = ({
      name,
      kind,
      traceId,
      spanId,
      parentId,
      startMs,
      endMs,
      links = [],
      attributes,
      error,
    }) => {
      const parent = parentId && { traceId, spanId: parentId, traceFlags: 1, isRemote: true };
      const context = parent
        ? api.trace.setSpanContext(api.ROOT_CONTEXT, parent)
        : api.ROOT_CONTEXT;
      ids.next = { traceId, spanId };
      const options = {
        kind: kinds[kind],
        startTime: startMs,
        attributes,
        links: links.map((link) => ({ context: { ...link, traceFlags: 1, isRemote: true } })),
      };
      const span = tracer.startSpan(name, options, context);
      ids.next = undefined;
      if (error !== undefined) {
        span.setStatus({ code: api.SpanStatusCode.ERROR, message: error });
        span.setAttribute('error.type', error);
      }
      span.end(endMs);
    };
    this.#shutdown = () => sdk.shutdown();
  }

  /** Sends what waits, within the grace. */
  async stop(grace: AbortSignal): Promise<void> {
    this.#record = () => {};
    const over = Promise.withResolvers<void>();
    grace.addEventListener('abort', () => over.resolve(), { once: true });
    if (grace.aborted) return;
    const sent = this.#shutdown().catch((error: unknown) => {
      this.#options.logger.warn({ error }, 'The last spans could not be sent.');
    });
    await Promise.race([sent, over.promise]);
  }

  /** A FactListener. */
  readonly listen = (fact: Fact): void => {
    for (const span of plannedSpans(fact)) this.#record(span);
  };
}

async function loadSdk() {
  const [{ NodeSDK }, api, core] = await Promise.all([
    import('@opentelemetry/sdk-node'),
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace'),
  ]);
  return { NodeSDK, api, core };
}
