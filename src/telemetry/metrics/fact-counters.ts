import type { FactType, Facts } from '../../domain/facts.ts';

/** What is counted of facts; `source` is the process that published them. */
export type FactCounters = {
  readonly [T in FactType]?: (data: Facts[T], source: string) => void;
};

/** Metrics are in seconds, facts in milliseconds. */
export const seconds = (ms: number): number => ms / 1000;

/** From a warm answer to the longest timeout. */
export const durationBuckets = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900,
];
