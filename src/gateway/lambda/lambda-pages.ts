/** A part of a list, as AWS's clients ask for it. */
export interface PageRequest {
  readonly MaxItems: number;
  /** The key of the last one that they have; '' at the beginning. */
  readonly Marker: string;
}

/** As AWS has it, whatever is asked for. */
const pageLimit = 50;

/** What follows after the marker; from the beginning, where that is none of them any more. */
export function pageOf<T>(
  all: readonly T[],
  { MaxItems, Marker }: PageRequest,
  keyOf: (item: T) => string,
): { readonly items: readonly T[]; readonly NextMarker?: string } {
  const from = Marker === '' ? 0 : all.findIndex((item) => keyOf(item) === Marker) + 1;
  const items = all.slice(from, from + Math.min(MaxItems, pageLimit));
  const last = items.at(-1);
  const isEnd = last === undefined || from + items.length >= all.length;
  return isEnd ? { items } : { items, NextMarker: keyOf(last) };
}
