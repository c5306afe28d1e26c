import type { NodeInfo } from '../domain/node.ts';
import type { VolumeMount, VolumeRecord } from '../domain/volume.ts';

/**
 * The nodes that have all of a function's volumes. One that nobody knows rules out none: the node
 * that gets the invocation says that it is missing.
 */
export function nodesWithVolumes(
  volumes: readonly VolumeMount[],
  find: (name: string) => Pick<VolumeRecord, 'node'> | undefined,
  nodes: readonly NodeInfo[],
): readonly NodeInfo[] {
  const pins = volumes.flatMap(({ name }) => find(name)?.node ?? []);
  return pins.length === 0 ? nodes : nodes.filter(({ id }) => pins.every((pin) => pin === id));
}
