import { HostError } from '../domain/errors.ts';
import type { FunctionSpec } from '../domain/function.ts';
import type { NodeInfo } from '../domain/node.ts';

/**
 * @throws HostError `invalid` when no node has the OCI runtime that the function asks for, or when
 *   that cannot give it the network that it needs.
 */
export function requireRuntimeClass(spec: FunctionSpec, nodes: readonly NodeInfo[]): void {
  const { name, runtimeClass } = spec;
  if (runtimeClass === undefined) return;
  const known = new Set(nodes.flatMap(({ runtimeClasses = [] }) => runtimeClasses));
  if (!known.has(runtimeClass)) throw unknownClass(name, runtimeClass, known);
  const isWithoutNetwork = nodes.some(({ ownKernelClasses = [] }) =>
    ownKernelClasses.includes(runtimeClass),
  );
  const wish = spec.network ? '"network.egress"' : spec.image ? 'an image of its own' : undefined;
  if (isWithoutNetwork && wish) throw noNetwork(name, runtimeClass, wish);
}

function unknownClass(name: string, runtimeClass: string, known: ReadonlySet<string>): HostError {
  const list =
    known.size > 0 ? `They have: ${[...known].toSorted().join(', ')}.` : 'They have none.';
  return new HostError(
    'invalid',
    'functions.unknown_runtime_class',
    `"${name}" asks for the runtime class "${runtimeClass}", which no node has. ${list} An operator names more in HEARTH_RUNTIME_CLASSES.`,
  );
}

function noNetwork(name: string, runtimeClass: string, wish: string): HostError {
  return new HostError(
    'invalid',
    'functions.runtime_class_without_network',
    `"${name}" asks for ${wish} and for the runtime class "${runtimeClass}", whose sandboxes have a kernel and a network of their own, which the host cannot reach: leave one of the two out.`,
  );
}
