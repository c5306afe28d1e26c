import { HostError } from '../domain/errors.ts';
import type { FunctionSpec } from '../domain/function.ts';
import type { NodeInfo } from '../domain/node.ts';

/** @throws HostError `invalid` when no node has the labels that the function asks for. */
export function requireLabels(
  { name, placement }: Pick<FunctionSpec, 'name' | 'placement'>,
  nodes: readonly NodeInfo[],
): void {
  const wanted = Object.entries(placement?.labels ?? {});
  const has = ({ labels }: NodeInfo) => wanted.every(([key, value]) => labels?.[key] === value);
  if (wanted.length === 0 || nodes.some(has)) return;
  const text = wanted.map(([key, value]) => `${key}=${value}`).join(',');
  throw new HostError(
    'invalid',
    'functions.no_node_with_labels',
    `"${name}" asks for a node with the labels ${text}, and none has them. An operator gives a node labels in HEARTH_NODE_LABELS.`,
  );
}
