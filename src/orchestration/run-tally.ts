import type { Facts } from '../domain/facts.ts';

/** Run times are told apart by a tenth: from 0.1 ms to a quarter of an hour in 170 bins. */
const binRatio = 1.1;
const firstBinMs = 0.1;
const binCount = 170;

const failures: ReadonlySet<string> = new Set([
  'function_error',
  'timeout',
  'out_of_memory',
  'crashed',
]);

/** How the invocations of one version went. */
export class RunTally {
  invocations = 0;
  failures = 0;
  #timed = 0;
  readonly #bins = new Uint32Array(binCount);

  /** What the host failed at, and what callers gave up, says nothing of the version. */
  add({ outcome, status = 0, timings }: Facts['invocation.completed']): void {
    const isFailure = failures.has(outcome) || status >= 500;
    if (outcome !== 'ok' && !isFailure) return;
    this.invocations += 1;
    if (isFailure) this.failures += 1;
    if (timings.run === undefined) return;
    const bin = Math.ceil(Math.log(timings.run / firstBinMs) / Math.log(binRatio));
    this.#bins[Math.min(binCount - 1, Math.max(0, bin))]! += 1;
    this.#timed += 1;
  }

  /** 95 of 100 invocations ran no longer, to a tenth; undefined before there is any. */
  get p95Ms(): number | undefined {
    let seen = 0;
    for (const [bin, count] of this.#bins.entries()) {
      seen += count;
      if (count > 0 && seen >= this.#timed * 0.95) return firstBinMs * binRatio ** bin;
    }
    return undefined;
  }
}
