import type { FunctionSpec } from '../domain/function.ts';
import type { NodeInfo, NodeRecord } from '../domain/node.ts';
import type { VolumeMount, VolumeRecord } from '../domain/volume.ts';

/** What is known of nodes and volumes besides what nodes announce. */
export interface ClusterFacts {
  readonly volume: (name: string) => Pick<VolumeRecord, 'node'> | undefined;
  readonly node: (id: string) => Pick<NodeRecord, 'isCordoned'> | undefined;
}

type Constrained = Pick<FunctionSpec, 'volumes' | 'runtimeClass' | 'placement'>;

/** The nodes on which a function may run: they have all that it asks for, and take new work. */
export function nodesThatFit(
  spec: Constrained,
  nodes: readonly NodeInfo[],
  { volume, node: recordOf }: ClusterFacts,
): readonly NodeInfo[] {
  const { runtimeClass, placement } = spec;
  const labels = Object.entries(placement?.labels ?? {});
  const fits = (node: NodeInfo): boolean =>
    !recordOf(node.id)?.isCordoned &&
    (runtimeClass === undefined || (node.runtimeClasses ?? []).includes(runtimeClass)) &&
    labels.every(([name, value]) => node.labels?.[name] === value);
  return nodesWithVolumes(spec.volumes, volume, nodes).filter(fits);
}

/**
 * The nodes that have all of a function's volumes. One that nobody knows rules out none: the node
 * that gets the invocation says that it is missing.
 */
export function nodesWithVolumes(
  volumes: readonly VolumeMount[],
  find: ClusterFacts['volume'],
  nodes: readonly NodeInfo[],
): readonly NodeInfo[] {
  const pins = volumes.flatMap(({ name }) => find(name)?.node ?? []);
  return pins.length === 0 ? nodes : nodes.filter(({ id }) => pins.every((pin) => pin === id));
}
