/** Times in milliseconds, in the order they were taken. */
export interface Samples {
  readonly p50: number;
  readonly p99: number;
  readonly count: number;
  readonly perSecond: number;
}

/** Calls in a closed loop: each caller makes its next call when the last one is answered. */
export async function closedLoop(
  options: { readonly callers: number; readonly calls: number },
  call: () => Promise<void>,
): Promise<Samples> {
  const times: number[] = [];
  let left = options.calls;
  const caller = async () => {
    while (left > 0) {
      left -= 1;
      const started = performance.now();
      await call();
      times.push(performance.now() - started);
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: options.callers }, caller));
  return summary(times, performance.now() - started);
}

export function summary(times: readonly number[], tookMs: number): Samples {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return {
    p50: at(0.5) ?? Number.NaN,
    p99: at(0.99) ?? Number.NaN,
    count: sorted.length,
    perSecond: (sorted.length / tookMs) * 1000,
  };
}
