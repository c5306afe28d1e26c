/** Of W3C Trace Context: 32 and 16 lower-case hex digits, not all zero. */
export type TraceId = string;
export type SpanId = string;

/** One invocation's place in a trace; made at the gateway, the same on the worker. */
export interface TraceContext {
  readonly traceId: TraceId;
  /** The caller's span, where the caller takes part in the trace. */
  readonly parentId?: SpanId;
  /** The span of the request at the gateway; of the attempt, where `isAttempt`. */
  readonly spanId: SpanId;
  /** The span in which the function runs: the parent of the function's own spans. */
  readonly runSpanId: SpanId;
  /** Decided at the head. What fails or is slow is recorded all the same. */
  readonly isSampled: boolean;
  /** It is of one attempt of an invocation that nobody waits for, not of a request. */
  readonly isAttempt?: true;
  /** Spans of what led to it. */
  readonly links?: readonly SpanReference[];
}

export interface SpanReference {
  readonly traceId: TraceId;
  readonly spanId: SpanId;
}

/** Takes invocations into traces. */
export interface Tracing {
  /** `header` gives a request's header by its lower-case name. Undefined: nothing is traced. */
  begin(header: (name: string) => string | undefined): TraceContext | undefined;
  /**
   * For an invocation that no request asked for, linked to all that led to it; where that is one,
   * it goes on with its trace. Undefined: nothing is traced.
   */
  beginAttempt(causes: readonly RemoteTrace[]): TraceContext | undefined;
}

/** A caller's part in a trace, as a header says. */
export interface RemoteTrace {
  readonly traceId: TraceId;
  readonly parentId: SpanId;
  readonly isSampled: boolean;
}

const traceparentPattern = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/;
const xRayPattern = /^1-([0-9a-f]{8})-([0-9a-f]{24})$/;
const spanPattern = /^[0-9a-f]{16}$/;
const isZero = (id: string): boolean => /^0+$/.test(id);

/** W3C `traceparent`; undefined when it is not valid, as if it had not been sent. */
export function parseTraceparent(text: string): RemoteTrace | undefined {
  const [, traceId = '', parentId = '', flags = ''] = traceparentPattern.exec(text) ?? [];
  if (isZero(traceId) || isZero(parentId) || traceId === '') return undefined;
  return { traceId, parentId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** AWS X-Ray's `Root=1-8hex-24hex;Parent=16hex;Sampled=0|1`: the same digits as W3C's. */
export function parseXRayHeader(text: string): RemoteTrace | undefined {
  const fields = new Map(
    text.split(';').map((field) => field.trim().split('=', 2) as [string, string]),
  );
  const [, time = '', random = ''] = xRayPattern.exec(fields.get('Root') ?? '') ?? [];
  const parentId = fields.get('Parent') ?? '';
  if (time === '' || !spanPattern.test(parentId) || isZero(parentId)) return undefined;
  return { traceId: `${time}${random}`, parentId, isSampled: fields.get('Sampled') === '1' };
}

/** An invocation of ours as the cause of what follows from it. */
export const causeOf = ({ traceId, spanId: parentId, isSampled }: TraceContext): RemoteTrace => ({
  traceId,
  parentId,
  isSampled,
});

export const noTracing: Tracing = { begin: () => undefined, beginAttempt: () => undefined };

/** What a function is given, so that its own spans join the trace. */
export function functionTraceHeaders({
  traceId,
  runSpanId,
  isSampled,
}: TraceContext): readonly (readonly [name: string, value: string])[] {
  const root = `1-${traceId.slice(0, 8)}-${traceId.slice(8)}`;
  return [
    ['traceparent', `00-${traceId}-${runSpanId}-${isSampled ? '01' : '00'}`],
    ['x-amzn-trace-id', `Root=${root};Parent=${runSpanId};Sampled=${isSampled ? 1 : 0}`],
  ];
}
