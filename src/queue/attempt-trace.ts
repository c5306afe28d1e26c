import { randomBytes } from 'node:crypto';
import type { TraceContext } from '../domain/trace.ts';

/**
 * The trace of one attempt: what was begun for it; or, below the request or the first attempt, a span
 * of its own, linked to that (OpenTelemetry's conventions for messaging: it may end long after).
 */
export function attemptTrace(trace: TraceContext, attempt: number): TraceContext {
  if (trace.isAttempt && attempt === 1) return trace;
  const { traceId, spanId: parentId, isSampled } = trace;
  const random = randomBytes(16).toString('hex');
  return {
    traceId,
    parentId,
    spanId: random.slice(0, 16),
    runSpanId: random.slice(16),
    isSampled,
    isAttempt: true,
    links: [{ traceId, spanId: parentId }],
  };
}
