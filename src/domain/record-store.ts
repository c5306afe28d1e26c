/** What a record of any kind has. */
export interface StoredRecord {
  readonly name: string;
  /** Counts every change; a write names the revision that it read. */
  readonly revision: number;
}

/**
 * Where records of one kind are kept. Reads are answered from a mirror in memory that follows every
 * change in the cluster; writes are durable when they resolve.
 */
export interface RecordStore<R extends StoredRecord> {
  get(name: string): R | undefined;
  list(): readonly R[];
  /** After each change of the mirror, whoever made it; `list` has it then. For the store's life. */
  onChange(listener: () => void): void;
  /** @throws HostError `conflict` when the stored revision is not `record.revision - 1`. */
  put(record: R): Promise<void>;
  /** Idempotent. Resolves to whether there was one. */
  remove(name: string): Promise<boolean>;
}
