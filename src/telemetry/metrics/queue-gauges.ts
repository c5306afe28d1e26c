import { Gauge, type Registry } from 'prom-client';
import type { EventQueueControl, EventQueueState } from '../../domain/event-queue-control.ts';
import type { CappedLabels } from './capped-labels.ts';

export interface QueuesView {
  readonly functions: { list(): readonly { readonly name: string }[] };
  readonly eventQueues: Pick<EventQueueControl, 'states'>;
}

/** How event queues stand: looked at when the page is asked for. */
export class QueueGauges {
  readonly #queues: QueuesView;
  readonly #functions: CappedLabels;
  readonly #invocations: Gauge<'function' | 'state'>;
  readonly #oldest: Gauge<'function'>;

  constructor(registry: Registry, queues: QueuesView, functions: CappedLabels) {
    const registers = [registry];
    this.#queues = queues;
    this.#functions = functions;
    this.#invocations = new Gauge({
      name: 'hearth_event_queue_invocations',
      help: "Invocations in a function's event queue by state: queued, running, dead_letter.",
      labelNames: ['function', 'state'] as const,
      registers,
    });
    this.#oldest = new Gauge({
      name: 'hearth_event_queue_oldest_seconds',
      help: 'Since the oldest of those that are queued or run was accepted.',
      labelNames: ['function'] as const,
      registers,
    });
  }

  /** @throws HostError `unavailable`: then what was there before is not told as now. */
  async look(): Promise<void> {
    this.#invocations.reset();
    this.#oldest.reset();
    const names = this.#queues.functions.list().map(({ name }) => name);
    if (names.length === 0) return;
    const states = await this.#queues.eventQueues.states(names);
    const oldest = new Map<string, number>();
    for (const state of states) this.#add(state, oldest);
    for (const [name, ageMs] of oldest) this.#oldest.set({ function: name }, ageMs / 1000);
  }

  /** Those without a series of their own are one: their numbers are added, the oldest age counts. */
  #add(state: EventQueueState, oldest: Map<string, number>): void {
    const { functionName, queued, running, deadLetters, oldestMs } = state;
    const name = this.#functions.of(functionName);
    const counts = { queued, running, dead_letter: deadLetters };
    for (const [of, count] of Object.entries(counts)) {
      this.#invocations.inc({ function: name, state: of }, count);
    }
    const ageMs = oldestMs === undefined ? 0 : Math.max(0, Date.now() - oldestMs);
    oldest.set(name, Math.max(oldest.get(name) ?? 0, ageMs));
  }
}
