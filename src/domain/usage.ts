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
  /** Of processors, by all that ran in its sandboxes, between invocations too. */
  readonly cpuSeconds: number;
  /** Sent over the network, with the headers of packets; calls of other functions are not in it. */
  readonly egressBytes: number;
}

/** What sandboxes of one function have used. */
export interface ResourceUse {
  readonly cpuMs: number;
  readonly egressBytes: number;
}

/** Where whoever has counters of sandboxes tells of them. */
export interface UseTally {
  add(functionName: string, use: Partial<ResourceUse>): void;
  /** Before each telling, who has counters of its own adds what they have counted meanwhile. */
  collectFrom(collect: () => void): void;
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
