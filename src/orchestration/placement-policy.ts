import type { FunctionSpec } from '../domain/function.ts';
import type { NodeId } from '../domain/ids.ts';
import type { InFlight, NodeInfo } from '../domain/node.ts';

/** POLICY: so many invocations for each processor are no reason to go elsewhere, to a cold start. */
const freePerCpu = 4;

/** POLICY: beyond that a node takes at most so many times its share of all that is under way. */
const loadFactor = 1.25;

const idle: InFlight = { count: 0, bytes: 0 };

type Placed = Pick<FunctionSpec, 'name' | 'memoryBytes' | 'concurrency' | 'scaling'>;

/**
 * Consistent hashing with bounded loads (Mirrokni et al., 2016): the first node in the function's
 * own order that has room; before it one that has a sandbox of the function already. Every gateway
 * has the same order. Where none has room it is the one with the least to do. A function runs on no
 * more nodes than it may have sandboxes. Undefined when there is no node.
 */
export function placeFunction(
  spec: Placed,
  nodes: readonly NodeInfo[],
  inFlightOn: (node: NodeId) => InFlight = () => idle,
): NodeId | undefined {
  if (nodes.length < 2) return nodes[0]?.id;
  const own = rankNodes(spec.name, nodes).slice(0, spec.scaling.max);
  const cpus = sum(nodes.map(cpusOf));
  const underWay = sum(nodes.map(({ id }) => inFlightOn(id).count));
  const neededBytes = spec.memoryBytes / spec.concurrency;
  const hasRoom = (node: NodeInfo): boolean => {
    const { count, bytes } = inFlightOn(node.id);
    const share = (underWay + 1) * (cpusOf(node) / cpus);
    const bound = Math.max(freePerCpu * cpusOf(node), loadFactor * share);
    return count < bound && bytes + neededBytes <= node.memoryBytes;
  };
  const open = own.filter(hasRoom);
  const isWarm = ({ load }: NodeInfo): boolean => load?.functions.includes(spec.name) ?? false;
  return (open.find(isWarm) ?? open[0] ?? leastLoaded(own, inFlightOn))?.id;
}

/**
 * All nodes in the order in which a function prefers them, by rendezvous hashing: a node that leaves
 * or joins changes the place of no two others.
 */
export function rankNodes(functionName: string, nodes: readonly NodeInfo[]): readonly NodeInfo[] {
  const scored = nodes.map((node) => ({ node, score: hash(`${node.id}/${functionName}`) }));
  // An equal score is settled by the id, not by the order of the list.
  scored.sort((a, b) => b.score - a.score || (a.node.id < b.node.id ? -1 : 1));
  return scored.map(({ node }) => node);
}

function leastLoaded(
  nodes: readonly NodeInfo[],
  inFlightOn: (node: NodeId) => InFlight,
): NodeInfo | undefined {
  const load = (node: NodeInfo) => inFlightOn(node.id).count / cpusOf(node);
  return nodes.reduce((least, node) => (load(node) < load(least) ? node : least));
}

const cpusOf = ({ cpus = 1 }: NodeInfo): number => cpus;

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);

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
