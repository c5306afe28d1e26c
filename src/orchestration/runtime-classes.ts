import { HostError } from '../domain/errors.ts';
import type { FunctionSpec } from '../domain/function.ts';
import type { NodeInfo } from '../domain/node.ts';

/** @throws HostError `invalid` when no node has the OCI runtime that the function asks for. */
export function requireRuntimeClass(
  { name, runtimeClass }: FunctionSpec,
  nodes: readonly NodeInfo[],
): void {
  const known = new Set(nodes.flatMap(({ runtimeClasses = [] }) => runtimeClasses));
  if (runtimeClass === undefined || known.has(runtimeClass)) return;
  const list =
    known.size > 0 ? `They have: ${[...known].toSorted().join(', ')}.` : 'They have none.';
  throw new HostError(
    'invalid',
    'functions.unknown_runtime_class',
    `"${name}" asks for the runtime class "${runtimeClass}", which no node has. ${list} An operator names more in HEARTH_RUNTIME_CLASSES.`,
  );
}
