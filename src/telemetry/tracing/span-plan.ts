import type { Fact, Facts } from '../../domain/facts.ts';
import type { SpanId, TraceContext, TraceId } from '../../domain/trace.ts';

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
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  /** What went wrong, if something did. */
  readonly error?: string;
}

/** An unsampled invocation is recorded all the same when it took so long. */
const slowMs = 1_000;

/**
 * The spans that a fact stands for; none where it belongs to no trace, or to one that is not
 * recorded. Names and attributes are OpenTelemetry's semantic conventions where there are some.
 */
export function plannedSpans({ type, data }: Fact): readonly PlannedSpan[] {
  if (type === 'http.answered') return data.trace ? serverSpan(data, data.trace) : [];
  if (type === 'invocation.completed') return data.trace ? phaseSpans(data, data.trace) : [];
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

/** What a worker did, one span a phase, the function's own spans below the last. */
function phaseSpans(
  data: Facts['invocation.completed'],
  trace: TraceContext,
): readonly PlannedSpan[] {
  const { timings, acceptedMs, outcome, start, functionName, version, invocationId } = data;
  const phases = (['queue', 'lease', 'init', 'run'] as const).flatMap((phase) => {
    const ms = timings[phase];
    return ms === undefined ? [] : [{ phase, ms }];
  });
  const totalMs = phases.reduce((sum, { ms }) => sum + ms, 0);
  if (!trace.isSampled && outcome === 'ok' && totalMs < slowMs) return [];
  const attributes = {
    'faas.name': functionName,
    'faas.version': version,
    'faas.invocation_id': invocationId,
    'faas.coldstart': start === 'cold' || start === 'stem',
    ...(start === undefined ? {} : { 'hearth.start': start }),
  };
  const spans: PlannedSpan[] = [];
  let startMs = acceptedMs;
  for (const { phase, ms } of phases) {
    const isRun = phase === 'run';
    const isLast = phase === phases.at(-1)?.phase;
    spans.push({
      name: isRun ? `run ${functionName}` : phase,
      kind: phase === 'queue' ? 'consumer' : 'internal',
      traceId: trace.traceId,
      parentId: trace.spanId,
      ...(isRun ? { spanId: trace.runSpanId } : {}),
      startMs,
      endMs: startMs + ms,
      attributes: phase === 'queue' ? { ...attributes, 'messaging.system': 'bullmq' } : attributes,
      ...(isLast && outcome !== 'ok' ? { error: data.reason ?? outcome } : {}),
    });
    startMs += ms;
  }
  return spans;
}
