import type { FunctionSpec } from '../domain/function.ts';
import type { NodeDirectory, NodeInfo, NodeRecord } from '../domain/node.ts';
import type { RecordStore } from '../domain/record-store.ts';
import type { VolumeRecord } from '../domain/volume.ts';
import { nodesThatFit } from '../orchestration/constraints-policy.ts';
import { rankNodes } from '../orchestration/placement-policy.ts';

export interface WorkerPlacementOptions {
  readonly node: NodeInfo;
  readonly nodes: NodeDirectory;
  readonly nodeRecords: Pick<RecordStore<NodeRecord>, 'get'>;
  readonly volumeRecords: Pick<RecordStore<VolumeRecord>, 'get'>;
}

/** What a node knows of its place among the others. */
export function workerPlacement(options: WorkerPlacementOptions) {
  const { node, nodes, nodeRecords, volumeRecords } = options;
  const cluster = {
    volume: (name: string) => volumeRecords.get(name),
    node: (id: string) => nodeRecords.get(id),
  };
  /** The live nodes that fit, in the order in which the function prefers them. */
  const ranked = (spec: FunctionSpec): readonly NodeInfo[] => {
    const others = nodes.live().filter(({ id }) => id !== node.id);
    const all = [node, ...others]; // it may not be announced yet
    return rankNodes(spec.name, nodesThatFit(spec, all, cluster));
  };
  return {
    /** Has this node what the function asks for? */
    fits: (spec: FunctionSpec): boolean => nodesThatFit(spec, [node], cluster).length > 0,
    /** Is it one of the nodes that may have sandboxes of the function? */
    mayRun: (spec: FunctionSpec): boolean =>
      ranked(spec)
        .slice(0, spec.scaling.max)
        .some(({ id }) => id === node.id),
    /** Is it the one that keeps them ready? */
    isFirst: (spec: FunctionSpec): boolean => ranked(spec)[0]?.id === node.id,
  };
}
