import {
  collectDefaultMetrics,
  Counter,
  Histogram,
  Registry,
  type OpenMetricsContentType,
} from 'prom-client';
import type { Fact, Facts, StreamedFact } from '../domain/facts.ts';
import type { MetricsPage } from '../domain/metrics.ts';
import { CappedLabels } from './capped-labels.ts';

/** Functions with series of their own; further ones are counted together. */
const functionsCounted = 1_000;

const seconds = (ms: number): number => ms / 1000;

/** From a warm answer to the longest timeout. */
const durationBuckets = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900,
];

/**
 * Counts the facts of the cluster, from the start of this process on. Labels are closed sets, but
 * for the function's name, which is capped. This process's own memory and event loop come with it.
 */
export class FactMetrics implements MetricsPage {
  readonly #registry = openMetricsRegistry();
  readonly #functions = new CappedLabels(functionsCounted);
  readonly #invocations = new Counter({
    name: 'hearth_invocations_total',
    help: 'Invocations that ended, by how they ended and how they found their sandbox.',
    labelNames: ['function', 'outcome', 'start'] as const,
    registers: [this.#registry],
  });
  readonly #duration = new Histogram({
    name: 'hearth_invocation_duration_seconds',
    help: 'From acceptance to the end of an invocation.',
    labelNames: ['function'] as const,
    buckets: durationBuckets,
    enableExemplars: true, // the trace of one invocation for each bucket
    registers: [this.#registry],
  });
  readonly #phases = new Histogram({
    name: 'hearth_invocation_phase_seconds',
    help: 'Time that invocations spent in each phase.',
    labelNames: ['phase'] as const,
    buckets: durationBuckets,
    registers: [this.#registry],
  });
  readonly #created = new Counter({
    name: 'hearth_sandboxes_created_total',
    help: 'Sandboxes made, from a stem or from nothing.',
    labelNames: ['function', 'start'] as const,
    registers: [this.#registry],
  });
  readonly #creation = new Histogram({
    name: 'hearth_sandbox_creation_seconds',
    help: 'What making a sandbox took, by phase: create, then init.',
    labelNames: ['start', 'phase'] as const,
    buckets: durationBuckets,
    registers: [this.#registry],
  });
  readonly #destroyed = new Counter({
    name: 'hearth_sandboxes_destroyed_total',
    help: 'Sandboxes destroyed, by reason.',
    labelNames: ['reason'] as const,
    registers: [this.#registry],
  });
  readonly #deployments = new Counter({
    name: 'hearth_deployments_total',
    help: 'Versions that became live.',
    registers: [this.#registry],
  });
  readonly #lost = new Counter({
    name: 'hearth_facts_lost_total',
    help: 'Facts that did not reach the stream of the cluster.',
    labelNames: ['source'] as const,
    registers: [this.#registry],
  });

  readonly #answers = new Counter({
    name: 'hearth_http_answers_total',
    help: 'Answers of this gateway to invocations over HTTP; 499: the caller left.',
    labelNames: ['code'] as const,
    registers: [this.#registry],
  });
  readonly #answering = new Histogram({
    name: 'hearth_http_answer_duration_seconds',
    help: 'From the head of a request to the end of its answer, at this gateway.',
    buckets: durationBuckets,
    registers: [this.#registry],
  });

  get contentType(): string {
    return this.#registry.contentType;
  }

  render(): Promise<string> {
    return this.#registry.metrics();
  }

  /** A listener of this process's own bus: answers are told nowhere else. */
  readonly countAnswer = ({ type, data }: Fact): void => {
    if (type !== 'http.answered') return;
    this.#answers.inc({ code: data.status });
    this.#answering.observe(seconds(data.durationMs));
  };

  /** A listener of the stream of the cluster. */
  readonly count = ({ source, fact }: StreamedFact): void => {
    switch (fact.type) {
      case 'invocation.completed':
        return this.#countInvocation(fact.data);
      case 'sandbox.created':
        return this.#countSandbox(fact.data);
      case 'sandbox.destroyed':
        return this.#destroyed.inc({ reason: fact.data.reason });
      case 'function.deployed':
        return this.#deployments.inc();
      case 'facts.lost':
        return this.#lost.inc({ source }, fact.data.count);
      default: // not every fact is worth a number
    }
  };

  #countInvocation(data: Facts['invocation.completed']): void {
    const { functionName, outcome, start = 'none', timings, trace } = data;
    const label = this.#functions.of(functionName);
    this.#invocations.inc({ function: label, outcome, start });
    let totalMs = 0;
    for (const [phase, ms] of Object.entries(timings)) {
      this.#phases.observe({ phase }, seconds(ms));
      totalMs += ms;
    }
    this.#duration.observe({
      labels: { function: label },
      value: seconds(totalMs),
      // Their type knows only the labels of the metric itself.
      exemplarLabels: (trace?.isSampled ? { trace_id: trace.traceId } : {}) as object,
    });
  }

  #countSandbox({ functionName, start, createMs, initMs }: Facts['sandbox.created']): void {
    this.#created.inc({ function: this.#functions.of(functionName), start });
    this.#creation.observe({ start, phase: 'create' }, seconds(createMs));
    this.#creation.observe({ start, phase: 'init' }, seconds(initMs));
  }
}

function openMetricsRegistry(): Registry<OpenMetricsContentType> {
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  collectDefaultMetrics({ register: registry });
  return registry;
}
