import type { HostConfig } from '../config/host-config.ts';
import type { Logger } from '../domain/logger.ts';
import type { Service } from '../domain/service.ts';
import { noTracing, type Tracing } from '../domain/trace.ts';
import type { FactBus } from '../events/fact-bus.ts';
import { headSampler } from '../telemetry/tracing/sampler.ts';
import { TraceRecorder } from '../telemetry/tracing/trace-recorder.ts';
import { TraceStarter } from '../telemetry/tracing/trace-starter.ts';

/** Nothing at all where no traces are asked for. */
export function tracesOf(
  serviceName: string,
  { openTelemetry }: HostConfig,
  facts: FactBus,
  logger: Logger,
): { readonly tracing: Tracing; readonly recorder: readonly Service[] } {
  if (Object.keys(openTelemetry).length === 0) {
    return { tracing: noTracing, recorder: [] };
  }
  const { OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG } = openTelemetry;
  const recorder = new TraceRecorder({ serviceName, logger });
  facts.subscribe(recorder.listen);
  const sampler = headSampler(OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG);
  return { tracing: new TraceStarter(sampler), recorder: [recorder] };
}
