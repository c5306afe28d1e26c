import type { NodeId } from '../domain/ids.ts';

/**
 * POLICY: an announcement has expired by then, and for so long the node could have renewed it. Where
 * Redis itself was away, all nodes are back within that.
 */
const patienceMs = 3_000;

/** Since when each of the known nodes that are not there has been missed, in epoch milliseconds. */
export type Absences = ReadonlyMap<NodeId, number>;

export interface Look {
  readonly self: NodeId;
  readonly known: readonly NodeId[];
  readonly live: ReadonlySet<NodeId>;
  readonly nowMs: number;
}

/** Who does not see itself sees nothing: Redis has just begun anew, or is away. */
export function missed(before: Absences, { self, known, live, nowMs }: Look): Absences {
  if (!live.has(self)) return new Map();
  const absent = known.filter((node) => !live.has(node));
  return new Map(absent.map((node) => [node, before.get(node) ?? nowMs]));
}

/** Those that are taken for dead: their work is for others. */
export function lostNodes(absences: Absences, nowMs: number): readonly NodeId[] {
  return [...absences].filter(([, since]) => nowMs - since >= patienceMs).map(([node]) => node);
}
