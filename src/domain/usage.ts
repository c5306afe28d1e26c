/** What a function used on one day (UTC), in the whole cluster. */
export interface UsageRow {
  /** `2026-01-31`. */
  readonly day: string;
  readonly functionName: string;
  readonly invocations: number;
  /** Those of them that did not end well. */
  readonly failures: number;
  /** Memory limit times the time in which handlers loaded and ran; memory in GB (10^9 bytes). */
  readonly gbSeconds: number;
}

/** The account of what was used. Days are kept for 400 days. */
export interface UsageLedger {
  /**
   * Both days are included; by day, then by function. What the last ten seconds used may be missing.
   * @throws HostError `unavailable`.
   */
  between(firstDay: string, lastDay: string): Promise<readonly UsageRow[]>;
}

/** The day of a time, as the ledger names it. */
export const usageDay = (timeMs: number): string => new Date(timeMs).toISOString().slice(0, 10);
