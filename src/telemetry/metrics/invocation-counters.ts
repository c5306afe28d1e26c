import { Counter, Histogram, type Registry } from 'prom-client';
import type { CappedLabels } from './capped-labels.ts';
import { durationBuckets, seconds, type FactCounters } from './fact-counters.ts';

/** Rate, errors and duration of invocations in the whole cluster. */
export function invocationCounters(registry: Registry, functions: CappedLabels): FactCounters {
  const registers = [registry];
  const invocations = new Counter({
    name: 'hearth_invocations_total',
    help: 'Invocations that ended, by how they ended and how they found their sandbox.',
    labelNames: ['function', 'outcome', 'start'] as const,
    registers,
  });
  const duration = new Histogram({
    name: 'hearth_invocation_duration_seconds',
    help: 'From acceptance to the end of an invocation.',
    labelNames: ['function'] as const,
    buckets: durationBuckets,
    enableExemplars: true, // the trace of one invocation for each bucket
    registers,
  });
  const phases = new Histogram({
    name: 'hearth_invocation_phase_seconds',
    help: 'Time that invocations spent in each phase.',
    labelNames: ['phase'] as const,
    buckets: durationBuckets,
    registers,
  });
  return {
    'invocation.completed': ({ functionName, outcome, start = 'none', timings, trace }) => {
      const label = functions.of(functionName);
      invocations.inc({ function: label, outcome, start });
      let totalMs = 0;
      for (const [phase, ms] of Object.entries(timings)) {
        phases.observe({ phase }, seconds(ms));
        totalMs += ms;
      }
      duration.observe({
        labels: { function: label },
        value: seconds(totalMs),
        // Their type knows only the labels of the metric itself.
        exemplarLabels: (trace?.isSampled ? { trace_id: trace.traceId } : {}) as object,
      });
    },
  };
}

/** The answers of this gateway alone. */
export function answerCounters(registry: Registry): FactCounters {
  const registers = [registry];
  const answers = new Counter({
    name: 'hearth_http_answers_total',
    help: 'Answers of this gateway to invocations over HTTP; 499: the caller left.',
    labelNames: ['code'] as const,
    registers,
  });
  const duration = new Histogram({
    name: 'hearth_http_answer_duration_seconds',
    help: 'From the head of a request to the end of its answer, at this gateway.',
    buckets: durationBuckets,
    registers,
  });
  return {
    'http.answered': ({ status, durationMs }) => {
      answers.inc({ code: status });
      duration.observe(seconds(durationMs));
    },
  };
}
