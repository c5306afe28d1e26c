import type { FunctionSpec } from '../domain/function.ts';
import type { NodeId } from '../domain/ids.ts';
import type { InFlight } from '../domain/node.ts';

type Need = Pick<FunctionSpec, 'memoryBytes' | 'concurrency'>;

const none: InFlight = { count: 0, bytes: 0 };

/** What this gateway has under way, by node. */
export class InFlightCounts {
  readonly #counts = new Map<NodeId, { count: number; bytes: number }>();

  readonly on = (node: NodeId): InFlight => this.#counts.get(node) ?? none;

  add(node: NodeId, { memoryBytes, concurrency }: Need): void {
    let counts = this.#counts.get(node);
    if (!counts) this.#counts.set(node, (counts = { count: 0, bytes: 0 }));
    counts.count += 1;
    counts.bytes += memoryBytes / concurrency;
  }

  remove(node: NodeId, { memoryBytes, concurrency }: Need): void {
    const counts = this.#counts.get(node);
    if (!counts) return;
    counts.count -= 1;
    counts.bytes -= memoryBytes / concurrency;
    if (counts.count === 0) this.#counts.delete(node);
  }
}
