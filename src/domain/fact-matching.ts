import type { FactPattern } from './fact-pattern.ts';
import { factTypes } from './fact-texts.ts';
import type { Fact } from './facts.ts';
import { fits } from './principal.ts';

/** A fact without a key that is asked for does not fit. */
export function fitsPattern({ types, match }: FactPattern, { type, data }: Fact): boolean {
  if (types.length > 0 && !types.some((wanted) => fitsType(wanted, type))) return false;
  return Object.entries(match).every(([key, wanted]) => {
    const value = Object.hasOwn(data, key)
      ? (data as unknown as Record<string, unknown>)[key]
      : undefined;
    return wanted.some((one) =>
      typeof one === 'string' && typeof value === 'string' ? fits(one, value) : one === value,
    );
  });
}

/** Is there a fact whose type fits? */
export const isKnownType = (wanted: string): boolean =>
  factTypes.some((type) => fitsType(wanted, type));

export const fitsType = (wanted: string, type: string): boolean =>
  wanted.endsWith('.*') ? type.startsWith(wanted.slice(0, -1)) : type === wanted;
