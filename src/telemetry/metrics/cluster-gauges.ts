import { Gauge, type Registry } from 'prom-client';
import type { NodeDirectory } from '../../domain/node.ts';
import type { SandboxDirectory, SandboxView } from '../../domain/sandbox-view.ts';
import type { CappedLabels } from './capped-labels.ts';

export interface ClusterView {
  readonly nodes: NodeDirectory;
  readonly sandboxes: SandboxDirectory;
}

/** What there is now: looked at when the page is asked for. */
export class ClusterGauges {
  readonly #cluster: ClusterView;
  readonly #functions: CappedLabels;
  readonly #nodes: Gauge;
  readonly #nodeMemory: Gauge<'node'>;
  readonly #sandboxes: Gauge<'state'>;
  readonly #memory: Gauge<'function'>;
  readonly #processes: Gauge<'function'>;

  constructor(registry: Registry, cluster: ClusterView, functions: CappedLabels) {
    const registers = [registry];
    this.#cluster = cluster;
    this.#functions = functions;
    this.#nodes = new Gauge({
      name: 'hearth_nodes',
      help: 'Worker nodes that are there.',
      registers,
    });
    this.#nodeMemory = new Gauge({
      name: 'hearth_node_sandbox_memory_bytes',
      help: 'Memory that the sandboxes of a node may have together.',
      labelNames: ['node'] as const,
      registers,
    });
    this.#sandboxes = new Gauge({
      name: 'hearth_sandboxes',
      help: 'Sandboxes by state; starting: also stems, which wait for a function.',
      labelNames: ['state'] as const,
      registers,
    });
    this.#memory = new Gauge({
      name: 'hearth_function_memory_bytes',
      help: "Memory that a function's sandboxes have now.",
      labelNames: ['function'] as const,
      registers,
    });
    this.#processes = new Gauge({
      name: 'hearth_function_processes',
      help: "Processes and threads in a function's sandboxes.",
      labelNames: ['function'] as const,
      registers,
    });
  }

  /** @throws HostError when nobody can be asked: then what was there before is not told as now. */
  async look(): Promise<void> {
    this.#nodeMemory.reset();
    const nodes = this.#cluster.nodes.live();
    this.#nodes.set(nodes.length);
    for (const { id, memoryBytes } of nodes) this.#nodeMemory.set({ node: id }, memoryBytes);
    for (const gauge of [this.#sandboxes, this.#memory, this.#processes]) gauge.reset();
    const { sandboxes } = await this.#cluster.sandboxes.list();
    for (const sandbox of sandboxes) this.#add(sandbox);
  }

  #add({ state, functionName, stats }: SandboxView): void {
    this.#sandboxes.inc({ state });
    if (functionName === undefined) return;
    const label = { function: this.#functions.of(functionName) };
    this.#memory.inc(label, stats.memoryBytes);
    this.#processes.inc(label, stats.pids);
  }
}
