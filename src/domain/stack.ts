import type { StoredRecord } from './record-store.ts';

/** What one folder of definitions has made, so that the next time it is known what is its own. */
export interface StackRecord extends StoredRecord {
  readonly functions: Readonly<Record<string, AppliedFunction>>;
  /** Names of private networks. */
  readonly networks: readonly string[];
  /** ISO 8601. */
  readonly appliedAt: string;
}

export interface AppliedFunction {
  /** SHA-256 of the package that was sent; '' where that is not known to have succeeded. */
  readonly packageDigest: string;
  /** The number of the version that it became. */
  readonly version: number;
}
