import type { Readable } from 'node:stream';
import type {
  Canary,
  FunctionRecord,
  FunctionSpec,
  FunctionVersion,
  TrafficSplit,
} from './function.ts';
import type { NodeId } from './ids.ts';
import type { ImageProgress } from './image-catalog.ts';

/** Which versions are to serve. Versions are named as `namedVersion` takes them. */
export interface Traffic {
  readonly live: string;
  readonly split?: Pick<TrafficSplit, 'percent' | 'stickyBy'> & {
    readonly version: string;
    readonly canary?: Omit<Canary, 'since'>;
  };
}

/** What becomes of a canary, and why. */
export interface CanaryMove {
  readonly kind: 'advance' | 'roll_back';
  /** A sentence for people. */
  readonly reason: string;
}

export interface DeployedVersion {
  readonly record: FunctionRecord;
  readonly version: FunctionVersion;
  readonly changed: boolean;
  /** Nodes on which the first call may have to wait: they go on preparing by themselves. */
  readonly unreadyNodes: readonly UnreadyNode[];
}

/** A node that may run a version, but has not made it ready. */
export interface UnreadyNode {
  readonly node: NodeId;
  readonly hostname: string;
  /** A sentence. */
  readonly why: string;
}

/** How far a deploy is: an image on its way here or to a registry, or the nodes that are ready. */
export type DeployProgress =
  | { readonly blob: ImageProgress }
  | { readonly nodes: { readonly settled: number; readonly all: number } };

export interface DeployOptions {
  /** Then what serves goes on serving. */
  readonly isStaged?: boolean;
  readonly onProgress?: (progress: DeployProgress) => void;
}

/**
 * Changes what is deployed and what serves. Changes of one function happen one after the other, as
 * asked; a version is ready to run before any traffic comes to it. All but `remove` throw HostError
 * `not_found` for what there is not, and `conflict` when another gateway changes it at that moment.
 */
export interface FunctionDeployer {
  /**
   * Builds the package (see PackageBuilder), has the nodes that may run it make it ready, and makes
   * it the live version, or with `isStaged` only the latest. `changed` is false, and nothing is
   * recorded, when it is that already. A first version is always live. @throws HostError as
   * PackageBuilder.build and FunctionStore.put do, and `unavailable` when no node can prepare it.
   */
  deploy(
    spec: FunctionSpec,
    packageTar: Readable,
    options?: DeployOptions,
  ): Promise<DeployedVersion>;
  /** What is not named in it ends: without `split` there is none any more. */
  setTraffic(name: string, traffic: Traffic): Promise<FunctionRecord>;
  /**
   * Makes the version live that was so before, and ends any split. @throws HostError `conflict`
   * when there was none.
   */
  rollback(name: string): Promise<FunctionRecord>;
  /**
   * Gives the canary its next part of the traffic, after the last one all of it; or takes it back.
   * @throws HostError `conflict` when the record has another revision by now: somebody else moved it.
   */
  moveCanary(name: string, revision: number, move: CanaryMove): Promise<FunctionRecord>;
  /** Without a version the alias goes. @throws HostError `invalid` for a name that is no alias. */
  setAlias(name: string, alias: string, version: string | undefined): Promise<FunctionRecord>;
  /** Idempotent. Resolves to whether there was one. */
  remove(name: string): Promise<boolean>;
}
