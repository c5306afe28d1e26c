import type { ContainerLimits, ContainerStats } from './container-engine.ts';
import type { NodeId, SandboxId } from './ids.ts';
import type { StartKind } from './invocation.ts';

/** `starting`: its handler is not loaded yet, or it is a stem that waits for one. */
export type SandboxState = 'starting' | 'idle' | 'busy' | 'frozen';

/** What an operator sees of one sandbox. */
export interface SandboxView {
  readonly id: SandboxId;
  readonly node: NodeId;
  /** Both absent for a stem. */
  readonly functionName?: string;
  readonly version?: string;
  readonly state: SandboxState;
  /** How it was made: as a stem, or for its function from nothing. */
  readonly start: Extract<StartKind, 'stem' | 'cold'>;
  /** The OCI runtime that made it, such as `crun 1.8.1`. */
  readonly runtime: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** Invocations begun since then, and those under way now. */
  readonly invocations: number;
  readonly running: number;
  readonly limits: ContainerLimits;
  readonly stats: ContainerStats;
  /** As the host's own tools see them. */
  readonly processIds: readonly number[];
}

/** All sandboxes of the cluster at this moment: every node is asked, nothing is kept. */
export interface SandboxDirectory {
  /**
   * Those whose id begins with `idPrefix`; all by default. Nodes that did not answer within two
   * seconds are named. @throws HostError `unavailable` when nobody can be asked.
   */
  list(idPrefix?: string): Promise<SandboxCensus>;
}

export interface SandboxCensus {
  readonly sandboxes: readonly SandboxView[];
  readonly silentNodes: readonly NodeId[];
}

/** The sandboxes of one node whose id begins so, as its worker knows them. */
export type NodeSandboxes = (idPrefix: string) => readonly Omit<SandboxView, 'node'>[];
