import type { NodeInfo } from '../../src/domain/node.ts';
import { rankNodes } from '../../src/orchestration/placement-policy.ts';
import type { SimulatedNode } from './cluster.ts';

/** Where a new sandbox of a function is made: the index of a node. */
export type Placement = (functionName: string) => number;

export const placements = {
  hearth: placedByHash,
  random:
    (nodes: readonly SimulatedNode[], random: () => number): Placement =>
    () =>
      Math.floor(random() * nodes.length),
  'least loaded':
    (nodes: readonly SimulatedNode[]): Placement =>
    () =>
      leastLoaded(nodes),
} as const;

/** As gateways place functions; nodes do not come and go here, so each is placed once. */
function placedByHash(nodes: readonly SimulatedNode[]): Placement {
  const infos = nodes.map<NodeInfo>(({ capacityBytes }, index) => ({
    id: `node-${index}`,
    hostname: '',
    memoryBytes: capacityBytes,
    startedAt: '',
  }));
  const indexes = new Map(infos.map(({ id }, index) => [id, index]));
  const known = new Map<string, number>();
  return (name) => {
    let index = known.get(name);
    if (index === undefined) {
      index = indexes.get(rankNodes(name, infos)[0]?.id ?? '') ?? 0;
      known.set(name, index);
    }
    return index;
  };
}

function leastLoaded(nodes: readonly SimulatedNode[]): number {
  let least = 0;
  for (let index = 1; index < nodes.length; index += 1) {
    if (nodes[index]!.usedBytes < nodes[least]!.usedBytes) least = index;
  }
  return least;
}
