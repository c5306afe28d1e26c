import { usageDay } from '../../domain/usage.ts';
import type { Facts } from '../../domain/facts.ts';

/** Amounts of one function and day, not yet in the ledger. */
export interface UsageAmounts {
  invocations: number;
  failures: number;
  gbSeconds: number;
  cpuSeconds: number;
  egressBytes: number;
}

const nothing: Readonly<UsageAmounts> = {
  invocations: 0,
  failures: 0,
  gbSeconds: 0,
  cpuSeconds: 0,
  egressBytes: 0,
};

/** Sums up what invocations and sandboxes used, until it is taken to the ledger. */
export class UsageTally {
  #days = new Map<string, Map<string, UsageAmounts>>();

  /** `memoryBytes`: the limit of the sandbox that it ran in; 0 when it reached none. */
  add(data: Facts['invocation.completed'], endedMs: number, memoryBytes: number): void {
    const { functionName, outcome, timings } = data;
    const ranMs = (timings.init ?? 0) + (timings.run ?? 0);
    this.#add(usageDay(endedMs), functionName, {
      ...nothing,
      invocations: 1,
      failures: outcome === 'ok' ? 0 : 1,
      gbSeconds: (memoryBytes / 1e9) * (ranMs / 1000),
    });
  }

  measured({ functionName, cpuMs, egressBytes }: Facts['usage.measured'], timeMs: number): void {
    const amounts = { ...nothing, cpuSeconds: cpuMs / 1000, egressBytes };
    this.#add(usageDay(timeMs), functionName, amounts);
  }

  /** All that was added since the last time. */
  take(): ReadonlyMap<string, ReadonlyMap<string, UsageAmounts>> {
    const days = this.#days;
    this.#days = new Map();
    return days;
  }

  /** Takes back what could not be written. */
  putBack(days: ReadonlyMap<string, ReadonlyMap<string, UsageAmounts>>): void {
    for (const [day, functions] of days) {
      for (const [name, amounts] of functions) this.#add(day, name, amounts);
    }
  }

  #add(day: string, name: string, amounts: Readonly<UsageAmounts>): void {
    const functions = this.#days.get(day) ?? new Map<string, UsageAmounts>();
    const sum = functions.get(name) ?? { ...nothing };
    sum.invocations += amounts.invocations;
    sum.failures += amounts.failures;
    sum.gbSeconds += amounts.gbSeconds;
    sum.cpuSeconds += amounts.cpuSeconds;
    sum.egressBytes += amounts.egressBytes;
    this.#days.set(day, functions.set(name, sum));
  }
}
