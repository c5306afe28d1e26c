/**
 * Traffic shaped like the published statistics of Azure Functions, 2019 (Shahrad et al., "Serverless
 * in the Wild", 2020): rates over eight orders of magnitude, 45 % of functions called at most once
 * an hour, 81 % at most once a minute, the others making 99.6 % of all invocations; timers and bursts
 * beside calls by chance; days and nights; heavy tails in duration; memory around 170 MB.
 *
 * What is not published is assumed: how rates and durations go together (functions called more than
 * once a minute are taken to be shorter).
 */
export interface SimulatedFunction {
  readonly name: string;
  /** A day's average. */
  readonly callsPerMinute: number;
  readonly pattern: 'timer' | 'bursts' | 'chance';
  readonly durationMs: number;
  readonly bytes: number;
  /** What a cold start takes. */
  readonly startMs: number;
}

export const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const mebibyte = 1024 * 1024;

/** Share of functions → calls a minute of the last of them; in between straight in the logarithm. */
const rateQuantiles = [
  [0, 1e-4],
  [0.45, 1 / 60],
  [0.81, 1],
  [0.99, 100],
  [1, 1e4],
] as const;

const timerShare = 0.16;
const burstShare = 0.25;
const callsOfBurst = 10;
const memoryChoices = [128, 192, 256, 384, 512, 1024].map((size) => size * mebibyte);

export function makeFunctions(count: number, random: () => number): readonly SimulatedFunction[] {
  return Array.from({ length: count }, (_, index) => {
    const callsPerMinute = rateAt((index + random()) / count);
    const isFrequent = callsPerMinute > 1;
    const draw = random();
    const durationMs = logNormal(random, isFrequent ? 100 : 680, isFrequent ? 1.5 : 2.36);
    const wantedBytes = logNormal(random, 170, 0.67) * mebibyte;
    return {
      name: `function-${index}`,
      callsPerMinute,
      pattern: patternOf(draw, isFrequent),
      durationMs: Math.min(durationMs, 5 * minuteMs),
      bytes: memoryChoices.find((bytes) => bytes >= wantedBytes) ?? 1024 * mebibyte,
      startMs: logNormal(random, 300, 0.8),
    };
  });
}

function patternOf(draw: number, isFrequent: boolean): SimulatedFunction['pattern'] {
  if (isFrequent) return 'chance';
  if (draw < timerShare) return 'timer';
  return draw < timerShare + burstShare ? 'bursts' : 'chance';
}

function rateAt(share: number): number {
  const upper = Math.max(
    1,
    rateQuantiles.findIndex(([quantile]) => quantile >= share),
  );
  const [[from, low], [to, high]] = [rateQuantiles[upper - 1]!, rateQuantiles[upper]!];
  return low * (high / low) ** ((share - from) / (to - from));
}

/** When it is called next; of a rate below one a minute. */
export function nextCall(
  { callsPerMinute, pattern }: SimulatedFunction,
  nowMs: number,
  random: () => number,
): number {
  const meanMs = minuteMs / callsPerMinute;
  if (pattern === 'timer') return nowMs + meanMs * (0.99 + 0.02 * random());
  if (pattern === 'bursts') {
    return random() < 1 - 1 / callsOfBurst
      ? nowMs + 2_000 * random()
      : nowMs + exponential(random, meanMs * callsOfBurst);
  }
  return nowMs + exponential(random, meanMs / daylight(nowMs));
}

/** Calls within a minute of a function that is called more often. */
export function callsWithin(
  { callsPerMinute }: SimulatedFunction,
  nowMs: number,
  random: () => number,
): number {
  const mean = callsPerMinute * daylight(nowMs);
  if (mean > 50) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(random)));
  let calls = 0;
  for (let left = Math.exp(-mean), product = random(); product > left; product *= random()) {
    calls += 1;
  }
  return calls;
}

/** Half of the traffic is always there, half follows the sun. */
const daylight = (nowMs: number): number => 1 - 0.5 * Math.cos((2 * Math.PI * nowMs) / dayMs);

const exponential = (random: () => number, mean: number): number => -mean * Math.log(1 - random());

const normal = (random: () => number): number =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

const logNormal = (random: () => number, median: number, sigma: number): number =>
  median * Math.exp(sigma * normal(random));
