import { collectDefaultMetrics, Registry, type OpenMetricsContentType } from 'prom-client';
import type { Fact, Facts, FactType, StreamedFact } from '../../domain/facts.ts';
import type { Logger } from '../../domain/logger.ts';
import type { MetricsPage } from '../../domain/metrics.ts';
import { CappedLabels } from './capped-labels.ts';
import { ClusterGauges, type ClusterView } from './cluster-gauges.ts';
import type { FactCounters } from './fact-counters.ts';
import { hostCounters } from './host-counters.ts';
import { answerCounters, invocationCounters } from './invocation-counters.ts';

/** Functions with series of their own; further ones are counted together. */
const functionsCounted = 1_000;

export interface PrometheusPageOptions extends ClusterView {
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
  readonly #ofCluster: FactCounters;
  readonly #ofProcess: FactCounters;

  constructor({ logger, ...cluster }: PrometheusPageOptions) {
    const registry = new Registry<OpenMetricsContentType>();
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    // Metrics ask for the registry of the older format, whose methods are the same.
    const register = registry as unknown as Registry;
    collectDefaultMetrics({ register });
    const functions = new CappedLabels(functionsCounted);
    this.#logger = logger;
    this.#registry = registry;
    this.#gauges = new ClusterGauges(register, cluster, functions);
    this.#ofCluster = {
      ...invocationCounters(register, functions),
      ...hostCounters(register, functions),
    };
    this.#ofProcess = answerCounters(register);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Without what there is now, when the nodes cannot be asked. */
  async render(): Promise<string> {
    await this.#gauges.look().catch((error: unknown) => {
      this.#logger.warn({ error }, 'The nodes could not be asked for their sandboxes.');
    });
    return this.#registry.metrics();
  }

  /** A listener of the stream of the cluster. */
  readonly count = ({ source, fact }: StreamedFact): void => count(this.#ofCluster, fact, source);

  /** A listener of this process's own bus. */
  readonly countOwn = (fact: Fact): void => count(this.#ofProcess, fact, 'self');
}

function count<T extends FactType>(
  counters: FactCounters,
  { type, data }: { readonly type: T; readonly data: Facts[T] },
  source: string,
): void {
  counters[type]?.(data, source);
}
