import type { PhaseTimings } from '../domain/invocation.ts';

/** Milliseconds with the precision that the worker's clock has. */
export function serverTiming(timings: PhaseTimings): string {
  return Object.entries(timings)
    .map(([phase, ms]) => `${phase};dur=${ms.toFixed(2)}`)
    .join(', ');
}
