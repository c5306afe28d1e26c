import type { NodeId } from '../domain/ids.ts';
import type { NodeInfo } from '../domain/node.ts';

/** By then the directory knows whether the node still lives. */
const forgottenAfterMs = 8_000;

/** Nodes whose connection broke a moment ago; those that come back are taken off the list. */
export class UnreachableNodes {
  readonly #untilMs = new Map<NodeId, number>();

  add(node: NodeId): void {
    this.#untilMs.set(node, Date.now() + forgottenAfterMs);
  }

  delete(node: NodeId): void {
    this.#untilMs.delete(node);
  }

  /** The nodes that are not among them; the same list where none is. */
  without(nodes: readonly NodeInfo[]): readonly NodeInfo[] {
    if (this.#untilMs.size === 0) return nodes;
    const nowMs = Date.now();
    for (const [node, untilMs] of this.#untilMs) {
      if (untilMs <= nowMs) this.#untilMs.delete(node);
    }
    return nodes.filter(({ id }) => !this.#untilMs.has(id));
  }
}
