import type { Fact, Facts } from '../../domain/facts.ts';
import type { InvocationSource } from '../../domain/invocation-record.ts';
import type { Phase } from '../../domain/invocation.ts';
import type { SpanId, SpanReference, TraceContext, TraceId } from '../../domain/trace.ts';

/** A span as it will be recorded. Times are epoch milliseconds. */
export interface PlannedSpan {
  readonly name: string;
  readonly kind: 'server' | 'internal' | 'consumer';
  readonly traceId: TraceId;
  readonly parentId?: SpanId;
  /** Absent: any. */
  readonly spanId?: SpanId;
  readonly startMs: number;
  readonly endMs: number;
  readonly links?: readonly SpanReference[];
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  /** What went wrong, if something did. */
  readonly error?: string;
}

/** An unsampled invocation is recorded all the same when it took so long. */
const slowMs = 1_000;

const phaseOrder = ['queue', 'lease', 'init', 'run'] as const satisfies readonly Phase[];

/**
 * The spans that a fact stands for; none where it belongs to no trace, or to one that is not
 * recorded. Names and attributes are OpenTelemetry's semantic conventions where there are some.
 */
export function plannedSpans({ type, data }: Fact): readonly PlannedSpan[] {
  if (type === 'http.answered') return data.trace ? serverSpan(data, data.trace) : [];
  if (type === 'invocation.completed') return data.trace ? workerSpans(data, data.trace) : [];
  return [];
}

function serverSpan(data: Facts['http.answered'], trace: TraceContext): readonly PlannedSpan[] {
  const { method, route, status, receivedMs, durationMs, invocationId, functionName } = data;
  const failed = status >= 500;
  if (!trace.isSampled && !failed && durationMs < slowMs) return [];
  return [
    {
      name: `${method} ${route}`,
      kind: 'server',
      traceId: trace.traceId,
      spanId: trace.spanId,
      ...(trace.parentId === undefined ? {} : { parentId: trace.parentId }),
      startMs: receivedMs,
      endMs: receivedMs + durationMs,
      attributes: {
        'http.request.method': method,
        'http.route': route,
        'http.response.status_code': status,
        'faas.invoked_name': functionName,
        'faas.invocation_id': invocationId,
      },
      ...(failed ? { error: String(status) } : {}),
    },
  ];
}

/**
 * What a worker did, one span a phase, the steps of a lease below it, the function's own spans below
 * the last. Where nobody waits for the answer, the attempt has a span of its own around them.
 */
function workerSpans(
  data: Facts['invocation.completed'],
  trace: TraceContext,
): readonly PlannedSpan[] {
  const { timings, acceptedMs, outcome, reason = outcome } = data;
  const totalMs = Object.values(timings).reduce((sum, ms) => sum + ms, 0);
  if (!trace.isSampled && outcome === 'ok' && totalMs < slowMs) return [];
  const phases = phaseSpans(data, trace);
  const last = phases.at(-1);
  const told = outcome === 'ok' ? {} : { error: reason };
  const spans = [...phases.slice(0, -1), ...(last ? [{ ...last, ...told }] : [])];
  const lease = spans.find(({ name }) => name === 'lease');
  if (lease) spans.push(...stepSpans(data, lease));
  if (!trace.isAttempt) return spans;
  return [attemptSpan(data, trace, acceptedMs + totalMs, told), ...spans];
}

function phaseSpans(data: Facts['invocation.completed'], trace: TraceContext): PlannedSpan[] {
  const { timings, acceptedMs, functionName } = data;
  const attributes = functionAttributes(data);
  let startMs = acceptedMs;
  return phaseOrder.flatMap((phase) => {
    const ms = timings[phase];
    if (ms === undefined) return [];
    const isRun = phase === 'run';
    const isFromLane = phase === 'queue' && !trace.isAttempt;
    const spanIds: Partial<Record<Phase, SpanId>> = {
      lease: childId(trace.runSpanId),
      run: trace.runSpanId,
    };
    const spanId = spanIds[phase];
    const span: PlannedSpan = {
      name: isRun ? `run ${functionName}` : phase,
      kind: isFromLane ? 'consumer' : 'internal',
      traceId: trace.traceId,
      parentId: trace.spanId,
      ...(spanId === undefined ? {} : { spanId }),
      startMs,
      endMs: startMs + ms,
      attributes: isFromLane ? { ...attributes, ...messaging('receive', 'lane') } : attributes,
    };
    startMs += ms;
    return [span];
  });
}

/** What the lease waited for, one after the other, until its end. */
function stepSpans({ steps = {} }: Facts['invocation.completed'], lease: PlannedSpan) {
  const entries = Object.entries(steps).filter(([, ms]) => ms > 0);
  const madeMs = entries.reduce((sum, [, ms]) => sum + ms, 0);
  let startMs = Math.max(lease.startMs, lease.endMs - madeMs);
  return entries.map(([step, ms]) => {
    const beganMs = startMs;
    startMs = Math.min(startMs + ms, lease.endMs);
    return stepSpan(lease, step, beganMs, startMs);
  });
}

function stepSpan(lease: PlannedSpan, step: string, startMs: number, endMs: number): PlannedSpan {
  const { traceId, spanId, attributes } = lease;
  const parent = spanId === undefined ? {} : { parentId: spanId };
  return {
    name: `lease ${step}`,
    kind: 'internal',
    traceId,
    ...parent,
    startMs,
    endMs,
    attributes,
  };
}

function attemptSpan(
  data: Facts['invocation.completed'],
  trace: TraceContext,
  endMs: number,
  told: { readonly error?: string },
): PlannedSpan {
  const { functionName, queue, acceptedMs, invocationId } = data;
  const destination = queue ?? `events.${functionName}`;
  return {
    name: `process ${destination}`,
    kind: 'consumer',
    traceId: trace.traceId,
    spanId: trace.spanId,
    ...(trace.parentId === undefined ? {} : { parentId: trace.parentId }),
    ...(trace.links ? { links: trace.links } : {}),
    startMs: acceptedMs,
    endMs,
    attributes: {
      ...functionAttributes(data),
      ...messaging('process', destination),
      'messaging.message.id': invocationId,
    },
    ...told,
  };
}

const messaging = (operation: 'process' | 'receive', destination: string) => ({
  'messaging.system': 'bullmq',
  'messaging.operation.type': operation,
  'messaging.operation.name': operation,
  'messaging.destination.name': destination,
});

function functionAttributes(data: Facts['invocation.completed']) {
  const { functionName, version, invocationId, start, source } = data;
  return {
    'faas.name': functionName,
    'faas.version': version,
    'faas.invocation_id': invocationId,
    'faas.trigger': source === undefined ? 'http' : triggers[source],
    'faas.coldstart': start === 'cold' || start === 'stem',
    ...(start === undefined ? {} : { 'hearth.start': start }),
  };
}

/** In the words of the semantic conventions. */
const triggers: Readonly<Record<InvocationSource, string>> = {
  invoke: 'other',
  replay: 'other',
  destination: 'pubsub',
  queue: 'pubsub',
  event: 'pubsub',
  cron: 'timer',
};

/** Another id that belongs to this one: its bits turned around. */
const childId = (spanId: SpanId): SpanId =>
  (BigInt(`0x${spanId}`) ^ 0xffff_ffff_ffff_ffffn).toString(16).padStart(16, '0');
