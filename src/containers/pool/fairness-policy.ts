/** What a function has of the node's memory, and what one more sandbox of it takes. */
export interface Share {
  readonly heldBytes: number;
  readonly needBytes: number;
}

/**
 * POLICY: max-min fairness. Does one that waits for room get the place of a sandbox that is free,
 * before the function that has it? Where it would have less than that one even with a sandbox more;
 * so places are not passed to and fro. One that has nothing gets its first from whoever has as much.
 */
export function goesFirst(waiting: Share, holder: Share): boolean {
  const wouldHold = waiting.heldBytes + waiting.needBytes;
  return waiting.heldBytes === 0 ? holder.heldBytes >= wouldHold : holder.heldBytes > wouldHold;
}
