import type { FactListener } from '../domain/facts.ts';
import type { SandboxId } from '../domain/ids.ts';

/** A heartbeat is to stay small: 256 names are 16 KiB at most. */
const toldLimit = 256;

/** Counts by facts which functions have sandboxes on this node. */
export class HeldFunctions {
  readonly #sandboxes = new Map<SandboxId, string>();

  readonly listen: FactListener = ({ type, data }) => {
    if (type === 'sandbox.created') this.#sandboxes.set(data.sandboxId, data.functionName);
    else if (type === 'sandbox.destroyed') this.#sandboxes.delete(data.sandboxId);
  };

  /** Those that got a sandbox last come first; not all of very many. */
  list(): readonly string[] {
    const names = new Set([...this.#sandboxes.values()].toReversed());
    return [...names].slice(0, toldLimit);
  }
}
