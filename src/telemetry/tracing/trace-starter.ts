import { randomBytes } from 'node:crypto';
import {
  parseTraceparent,
  parseXRayHeader,
  type RemoteTrace,
  type TraceContext,
  type Tracing,
} from '../../domain/trace.ts';
import type { HeadSampler } from './sampler.ts';

/** Begins a trace with each invocation, or goes on with its caller's. */
export class TraceStarter implements Tracing {
  readonly #sampler: HeadSampler;

  constructor(sampler: HeadSampler) {
    this.#sampler = sampler;
  }

  begin(header: (name: string) => string | undefined): TraceContext {
    const remote =
      parseTraceparent(header('traceparent') ?? '') ??
      parseXRayHeader(header('x-amzn-trace-id') ?? '');
    return this.#context(remote);
  }

  beginAttempt(causes: readonly RemoteTrace[]): TraceContext {
    const [only] = causes.length === 1 ? causes : [];
    const links = causes.map(({ traceId, parentId: spanId }) => ({ traceId, spanId }));
    const context = this.#context(only);
    return { ...context, isAttempt: true, ...(links.length > 0 ? { links } : {}) };
  }

  #context(remote: RemoteTrace | undefined): TraceContext {
    const random = randomBytes(32).toString('hex');
    const traceId = remote?.traceId ?? random.slice(0, 32);
    return {
      traceId,
      ...(remote ? { parentId: remote.parentId } : {}),
      spanId: random.slice(32, 48),
      runSpanId: random.slice(48),
      isSampled: this.#sampler(traceId, remote),
    };
  }
}
