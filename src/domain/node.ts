import type { FunctionSpec } from './function.ts';
import type { NodeId } from './ids.ts';
import type { StoredRecord } from './record-store.ts';

/** A worker node as it announces itself. */
export interface NodeInfo {
  readonly id: NodeId;
  readonly hostname: string;
  /** Memory that its sandboxes may have together. */
  readonly memoryBytes: number;
  /** Processors of the machine; one where it is not said. */
  readonly cpus?: number;
  /** What its operator says of it, for functions that ask for it. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Names of the further OCI runtimes that it has. */
  readonly runtimeClasses?: readonly string[];
  /** Those of them whose containers have a kernel, and so a network, of their own. */
  readonly ownKernelClasses?: readonly string[];
  /** Shows that it has the cluster key; absent: it has none. */
  readonly clusterProof?: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** As of the last heartbeat. */
  readonly load?: NodeLoad;
}

export interface NodeLoad {
  /** Invocations that run there, or wait for a sandbox. */
  readonly invocations: number;
  /** Functions that have a sandbox there, those that got one last first; not all of very many. */
  readonly functions: readonly string[];
}

/** Who is there. An announcement ends by itself when its node stops renewing it. */
export interface NodeDirectory {
  /** From the last look at the directory, at most a heartbeat old. */
  live(): readonly NodeInfo[];
}

/** What is kept of a node whether it lives or not; `name` is its id. */
export interface NodeRecord extends StoredRecord {
  readonly hostname: string;
  /** It gets no new work. */
  readonly isCordoned: boolean;
}

/** `away`: it is not there. `foreign`: it has another cluster key than the gateway, or none. */
export type NodeState = 'ready' | 'cordoned' | 'away' | 'foreign';

export interface NodeView extends Omit<NodeInfo, 'memoryBytes' | 'startedAt' | 'clusterProof'> {
  readonly state: NodeState;
  readonly memoryBytes?: number;
  readonly startedAt?: string;
}

/** The nodes of a cluster, for those who run it. */
export interface NodeRegistry {
  list(): readonly NodeView[];
  /** By its id or, where that is one node's alone, its hostname. @throws HostError `not_found`. */
  find(idOrHostname: string): NodeView;
  /** New work goes to other nodes, or may come again; what runs goes on. Idempotent. */
  cordon(id: NodeId, isCordoned: boolean): Promise<NodeView>;
  /** @throws HostError `conflict` while it is there. */
  forget(id: NodeId): Promise<void>;
}

/** Invocations of one gateway that a node has not ended yet. */
export interface InFlight {
  readonly count: number;
  /** The memory that they need there. */
  readonly bytes: number;
}

/** Chooses one of the nodes for an invocation; undefined when none may run it. */
export type PlaceInvocation = (
  spec: FunctionSpec,
  nodes: readonly NodeInfo[],
  inFlightOn: (node: NodeId) => InFlight,
) => NodeId | undefined;
