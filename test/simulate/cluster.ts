import { chooseEvictions, worth } from '../../src/containers/pool/eviction-policy.ts';
import { goesFirst, type Share } from '../../src/containers/pool/fairness-policy.ts';
import type { SimulatedFunction } from './workload.ts';

export interface SimulatedSandbox {
  readonly owner: SimulatedFunction;
  readonly node: SimulatedNode;
  busyUntilMs: number;
  uses: number;
  worth: number;
  readonly chargedBytes: number;
}

/** Memory and what is in it, under the eviction policy of the pool. */
export class SimulatedNode {
  readonly capacityBytes: number;
  usedBytes = 0;
  readonly sandboxes = new Set<SimulatedSandbox>();
  readonly #onEvicted: (sandbox: SimulatedSandbox) => void;
  #clock = 0;

  constructor(capacityBytes: number, onEvicted: (sandbox: SimulatedSandbox) => void) {
    this.capacityBytes = capacityBytes;
    this.#onEvicted = onEvicted;
  }

  /**
   * A new sandbox, for which others make way; `waitedMs`: until one that was at work had ended.
   * Undefined where nothing makes way.
   */
  make(owner: SimulatedFunction, nowMs: number, mayEvict: boolean) {
    const waitedMs = mayEvict ? this.#makeRoom(owner, nowMs) : this.#roomFor(owner.bytes);
    if (waitedMs === undefined) return undefined;
    const sandbox: SimulatedSandbox = {
      owner,
      node: this,
      busyUntilMs: nowMs,
      uses: 0,
      worth: 0,
      chargedBytes: owner.bytes,
    };
    this.sandboxes.add(sandbox);
    this.usedBytes += owner.bytes;
    this.used(sandbox);
    return { sandbox, waitedMs };
  }

  used(sandbox: SimulatedSandbox): void {
    const { startMs, bytes } = sandbox.owner;
    sandbox.uses += 1;
    sandbox.worth = worth(this.#clock, { startMs, uses: sandbox.uses, bytes });
  }

  remove(sandbox: SimulatedSandbox): void {
    if (this.sandboxes.delete(sandbox)) this.usedBytes -= sandbox.chargedBytes;
  }

  #roomFor(bytes: number): number | undefined {
    return this.usedBytes + bytes <= this.capacityBytes ? 0 : undefined;
  }

  #makeRoom(owner: SimulatedFunction, nowMs: number): number | undefined {
    const neededBytes = this.usedBytes + owner.bytes - this.capacityBytes;
    if (neededBytes <= 0) return 0;
    const idle = [...this.sandboxes].filter(({ busyUntilMs }) => busyUntilMs <= nowMs);
    const eviction = chooseEvictions(idle, neededBytes, this.#clock);
    if (!eviction) return this.#waitForPlace(owner, nowMs);
    this.#clock = eviction.clock;
    eviction.victims.forEach((victim) => this.#evict(victim));
    return 0;
  }

  /** Everyone is at work: who has more than its share gives up a place when it ends. */
  #waitForPlace(owner: SimulatedFunction, nowMs: number): number | undefined {
    const waiting = this.#shareOf(owner);
    const giving = [...this.sandboxes]
      .filter(({ owner: holder, chargedBytes }) => {
        return chargedBytes >= owner.bytes && goesFirst(waiting, this.#shareOf(holder));
      })
      .toSorted((a, b) => a.busyUntilMs - b.busyUntilMs)[0];
    if (!giving) return undefined;
    this.#evict(giving);
    return Math.max(0, giving.busyUntilMs - nowMs);
  }

  #shareOf(owner: SimulatedFunction): Share {
    let heldBytes = 0;
    for (const sandbox of this.sandboxes) {
      if (sandbox.owner === owner) heldBytes += sandbox.chargedBytes;
    }
    return { heldBytes, needBytes: owner.bytes };
  }

  #evict(sandbox: SimulatedSandbox): void {
    this.remove(sandbox);
    this.#onEvicted(sandbox);
  }
}
