import { collectDefaultMetrics, Registry, type OpenMetricsContentType } from 'prom-client';
import type { Fact, Facts, FactType, StreamedFact } from '../../domain/facts.ts';
import type { Logger } from '../../domain/logger.ts';
import type { MetricsPage } from '../../domain/metrics.ts';
import { CappedLabels } from './capped-labels.ts';
import { ClusterGauges, type ClusterView } from './cluster-gauges.ts';
import type { FactCounters } from './fact-counters.ts';
import { hostCounters } from './host-counters.ts';
import { imageCounters } from './image-counters.ts';
import { answerCounters, invocationCounters } from './invocation-counters.ts';
import { QueueGauges, type QueuesView } from './queue-gauges.ts';
import { admissionCounters, refusalCounters } from './refusal-counters.ts';

/** Functions with series of their own; further ones are counted together. */
const functionsCounted = 1_000;

export interface PrometheusPageOptions extends ClusterView, QueuesView {
  readonly logger: Logger;
}

/**
 * Counts the facts of the cluster, from the start of this process on, and looks at what there is
 * now. Labels are closed sets, but for names of functions, which are capped. This process's own
 * memory and event loop come with it.
 */
export class PrometheusPage implements MetricsPage {
  readonly #logger: Logger;
  readonly #registry: Registry<OpenMetricsContentType>;
  readonly #gauges: ClusterGauges;
  readonly #queues: QueueGauges;
  readonly #ofCluster: readonly FactCounters[];
  readonly #ofProcess: readonly FactCounters[];

  constructor({ logger, nodes, sandboxes, ...queues }: PrometheusPageOptions) {
    const registry = new Registry<OpenMetricsContentType>();
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    // Metrics ask for the registry of the older format, whose methods are the same.
    const register = registry as unknown as Registry;
    collectDefaultMetrics({ register });
    const functions = new CappedLabels(functionsCounted);
    this.#logger = logger;
    this.#registry = registry;
    this.#gauges = new ClusterGauges(register, { nodes, sandboxes }, functions);
    this.#queues = new QueueGauges(register, queues, functions);
    this.#ofCluster = [
      invocationCounters(register, functions),
      hostCounters(register, functions),
      refusalCounters(register, functions),
      imageCounters(register),
    ];
    this.#ofProcess = [answerCounters(register), admissionCounters(register)];
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Without what there is now, when the nodes or the queues cannot be asked. */
  async render(): Promise<string> {
    const warning = (text: string) => (error: unknown) => this.#logger.warn({ error }, text);
    await Promise.all([
      this.#gauges.look().catch(warning('The nodes could not be asked for their sandboxes.')),
      this.#queues.look().catch(warning('Event queues could not be asked how they stand.')),
    ]);
    return this.#registry.metrics();
  }

  /** A listener of the stream of the cluster. */
  readonly count = ({ source, fact }: StreamedFact): void => count(this.#ofCluster, fact, source);

  /** A listener of this process's own bus. */
  readonly countOwn = (fact: Fact): void => count(this.#ofProcess, fact, 'self');
}

function count<T extends FactType>(
  counters: readonly FactCounters[],
  { type, data }: { readonly type: T; readonly data: Facts[T] },
  source: string,
): void {
  for (const counter of counters) counter[type]?.(data, source);
}
