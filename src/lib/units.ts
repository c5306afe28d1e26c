const byteFactors: Readonly<Record<string, number>> = {
  '': 1,
  k: 1000,
  M: 1000 ** 2,
  G: 1000 ** 3,
  T: 1000 ** 4,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
  Ti: 1024 ** 4,
};

const millisecondFactors: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const bitFactors: Readonly<Record<string, number>> = {
  kbit: 1000,
  Mbit: 1000 ** 2,
  Gbit: 1000 ** 3,
};

/** `"10Mbit"` → bits a second; undefined when it is not a rate. */
export function parseBitRate(text: string): number | undefined {
  return parseQuantity(text, bitFactors);
}

/** `"128Mi"`, `"1G"`, `"65536"` → bytes; undefined when it is not an amount of bytes. */
export function parseBytes(text: string): number | undefined {
  return parseQuantity(text, byteFactors);
}

/** `"30s"`, `"6h"`, `"250ms"` → milliseconds; undefined when it is not a duration. */
export function parseDuration(text: string): number | undefined {
  return parseQuantity(text, millisecondFactors);
}

/** 134217728 → `"128.0 MiB"`. For people; do not parse it. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), units.length - 1);
  const value = bytes / 1024 ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${units[power]}`;
}

/** 1234.5 → `"1.2 s"`, 12.3 → `"12 ms"`, 1.23 → `"1.2 ms"`. For people. */
export function formatMs(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return `${ms >= 10 ? Math.round(ms) : ms.toFixed(1)} ms`;
}

function parseQuantity(
  text: string,
  factors: Readonly<Record<string, number>>,
): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([A-Za-z]*)$/.exec(text);
  const factor = match?.[2] === undefined ? undefined : factors[match[2]];
  if (!match || factor === undefined) return undefined;
  const amount = Math.round(Number(match[1]) * factor);
  return Number.isSafeInteger(amount) ? amount : undefined;
}
