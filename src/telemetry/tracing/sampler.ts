import type { RemoteTrace, TraceId } from '../../domain/trace.ts';

/** Whether a trace is recorded, decided when it begins. */
export type HeadSampler = (traceId: TraceId, remote: RemoteTrace | undefined) => boolean;

/**
 * As `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG` say (OpenTelemetry specification, "General
 * SDK Configuration"); by default every trace, unless its caller has decided otherwise.
 */
export function headSampler(name = 'parentbased_always_on', argument = '1'): HeadSampler {
  const followsParent = name.startsWith('parentbased_');
  const root = rootSampler(name.replace('parentbased_', ''), argument);
  return (traceId, remote) => (followsParent && remote ? remote.isSampled : root(traceId));
}

function rootSampler(name: string, argument: string): (traceId: TraceId) => boolean {
  if (name === 'always_off') return () => false;
  if (name !== 'traceidratio') return () => true;
  const ratio = Math.min(1, Math.max(0, Number(argument)));
  // The last 56 bits are those that every tracer makes at random (W3C Trace Context Level 2).
  const limit = (Number.isNaN(ratio) ? 1 : ratio) * 2 ** 32;
  return (traceId) => Number.parseInt(traceId.slice(-8), 16) < limit;
}
