import type { FunctionVersion } from '../domain/function.ts';
import { nextMean, type VersionLoad } from './admission-policy.ts';

const none: VersionLoad = { underWay: 0, runs: 0, meanRunMs: 0 };

/** What this gateway has under way of each version, and how long it ran; forgotten with its record. */
export class VersionLoads {
  readonly #loads = new WeakMap<FunctionVersion, { -readonly [K in keyof VersionLoad]: number }>();

  of(version: FunctionVersion): VersionLoad {
    return this.#loads.get(version) ?? none;
  }

  add(version: FunctionVersion): void {
    const load = this.#loads.get(version);
    if (load) load.underWay += 1;
    else this.#loads.set(version, { ...none, underWay: 1 });
  }

  remove(version: FunctionVersion): void {
    const load = this.#loads.get(version);
    if (load) load.underWay -= 1;
  }

  /** One has run for so long, to the end of its answer. */
  ran(version: FunctionVersion, runMs: number): void {
    const load = this.#loads.get(version);
    if (!load) return;
    load.meanRunMs = nextMean(load, runMs);
    load.runs += 1;
  }
}
