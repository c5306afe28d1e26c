export type MatchedValue = string | number | boolean;

/** Which facts someone wants to be told of. */
export interface FactPattern {
  /** Such as `function.deployed`, or all of a kind: `sandbox.*`. Empty: all. */
  readonly types: readonly string[];
  /** By the key of a fact's data, values of which it must have one; in a text, `*` is any text. */
  readonly match: Readonly<Record<string, readonly MatchedValue[]>>;
}
