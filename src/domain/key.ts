import type { Scope } from './principal.ts';
import type { UsageLimits } from './quota.ts';
import type { StoredRecord } from './record-store.ts';

/** A key as it is kept. Its id is the record's name. */
export interface KeyRecord extends StoredRecord {
  readonly scopes: readonly Scope[];
  /** Absent: none. */
  readonly limits?: UsageLimits;
  /** ISO 8601. */
  readonly createdAt: string;
  /** Past this it opens nothing. Absent: never. */
  readonly expiresAt?: string;
  /** Newest first. Older ones open until their time, so that callers can change over. */
  readonly secrets: readonly KeySecret[];
}

export interface KeySecret {
  /** Encrypted with the master key; signatures cannot be checked with a hash. */
  readonly sealed: string;
  readonly createdAt: string;
  /** Absent: as long as the key. */
  readonly until?: string;
}

/** A secret that was just made; it is never shown again. */
export interface NewKey {
  readonly record: KeyRecord;
  readonly secret: string;
}

/** Makes and ends keys. What it does holds on every gateway at once. */
export interface KeyRing {
  list(): readonly KeyRecord[];
  /** @throws HostError `conflict` when there is one with the id. */
  create(
    id: string,
    scopes: readonly Scope[],
    expiresAt: Date | undefined,
    limits?: UsageLimits,
  ): Promise<NewKey>;
  /**
   * In place of those it had; none of them: without limits.
   * @throws HostError `not_found`.
   */
  limit(id: string, limits: UsageLimits): Promise<KeyRecord>;
  /**
   * A new secret for the same id; the present ones open for `overlapMs` more.
   * @throws HostError `not_found`.
   */
  rotate(id: string, overlapMs: number): Promise<NewKey>;
  /** Idempotent. Resolves to whether there was one. */
  remove(id: string): Promise<boolean>;
}
