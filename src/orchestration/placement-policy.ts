import type { NodeId } from '../domain/ids.ts';
import type { NodeInfo } from '../domain/node.ts';

/**
 * The node on which a function's invocations meet the sandboxes that are warm already: rendezvous
 * hashing, the node with the highest score for this function. Every gateway chooses the same; a
 * node that leaves moves only its own functions. Undefined when there is no node.
 */
export function placeFunction(
  functionName: string,
  nodes: readonly NodeInfo[],
): NodeId | undefined {
  let best: NodeId | undefined;
  let bestScore = -1;
  for (const { id } of nodes) {
    const score = hash(`${id}/${functionName}`);
    // An equal score is settled by the id, not by the order of the list.
    if (score > bestScore || (score === bestScore && best !== undefined && id < best)) {
      best = id;
      bestScore = score;
    }
  }
  return best;
}

/** FNV-1a, then MurmurHash3's finaliser: FNV alone spreads texts that differ at their end badly. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
