import type { NodeId } from './ids.ts';

/** A worker node as it announces itself. */
export interface NodeInfo {
  readonly id: NodeId;
  readonly hostname: string;
  /** Memory that its sandboxes may have together. */
  readonly memoryBytes: number;
  /** Names of the further OCI runtimes that it has. */
  readonly runtimeClasses?: readonly string[];
  /** Those of them whose containers have a kernel, and so a network, of their own. */
  readonly ownKernelClasses?: readonly string[];
  /** ISO 8601. */
  readonly startedAt: string;
}

/** Who is there. An announcement ends by itself when its node stops renewing it. */
export interface NodeDirectory {
  /** From the last look at the directory, at most a heartbeat old. */
  live(): readonly NodeInfo[];
}
