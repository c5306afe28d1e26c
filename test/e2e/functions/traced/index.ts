import { ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import {
  InMemorySpanExporter,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace';

const exporter = new InMemorySpanExporter();
const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
const tracer = provider.getTracer('traced');

/** Does its work in a span, and prints it: a sandbox without a network has no collector. */
function work(trigger: string, traceparent = ''): void {
  const [, traceId = '', spanId = '', flags = '00'] = traceparent.split('-');
  const parent = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  const context = trace.setSpanContext(ROOT_CONTEXT, parent);
  tracer.startSpan('work', { kind: SpanKind.INTERNAL }, context).end();
  for (const span of exporter.getFinishedSpans()) {
    const told = { trigger, traceId: span.spanContext().traceId, parent: span.parentSpanContext };
    console.log(JSON.stringify({ ...told, parent: told.parent?.spanId }));
  }
  exporter.reset();
}

interface Context {
  readonly traceparent?: string;
}

export default {
  fetch(request: Request, _env: unknown, { traceparent = '' }: Context): Response {
    if (request.url.endsWith('/fails')) throw new Error('on purpose');
    work('fetch', traceparent);
    return new Response(traceparent);
  },
  scheduled(_event: unknown, _env: unknown, { traceparent }: Context): void {
    work('cron', traceparent);
  },
  queue(_batch: unknown, _env: unknown, { traceparent }: Context): void {
    work('queue', traceparent);
  },
};
