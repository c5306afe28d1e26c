import type { StoredRecord } from '../domain/record-store.ts';

/** One write, numbered in the order in which the store made them. No record: it was removed. */
export interface RecordChange<R> {
  readonly sequence: number;
  readonly name: string;
  readonly record: R | undefined;
}

/** All records as they were after the change with this number. */
export interface RecordSnapshot<R> {
  readonly sequence: number;
  readonly records: readonly R[];
}

/**
 * The records as this process knows them. A change may come twice (as this process's own write and
 * as news of it) and late; an older one never replaces a newer one.
 */
export class RecordMirror<R extends StoredRecord> {
  #records = new Map<string, R>();
  /** The newest change of each name since the snapshot; also of removed ones, until the next. */
  #sequences = new Map<string, number>();
  #snapshotSequence = 0;
  #changesWhileLoading: RecordChange<R>[] | undefined;
  readonly #listeners = new Set<() => void>();

  get(name: string): R | undefined {
    return this.#records.get(name);
  }

  list(): readonly R[] {
    return [...this.#records.values()];
  }

  /** Called after each change, and after each load. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  apply(change: RecordChange<R>): void {
    this.#changesWhileLoading?.push(change);
    const newest = this.#sequences.get(change.name) ?? this.#snapshotSequence;
    if (change.sequence <= newest) return;
    this.#sequences.set(change.name, change.sequence);
    if (change.record) this.#records.set(change.name, change.record);
    else this.#records.delete(change.name);
    this.#tell();
  }

  /**
   * Replaces everything by a snapshot and the changes that came while it was read. One at a time.
   * The snapshot is believed even if its number is lower: the store may have been restored.
   */
  async load(read: () => Promise<RecordSnapshot<R>>): Promise<void> {
    const changes: RecordChange<R>[] = [];
    this.#changesWhileLoading = changes;
    try {
      const { sequence, records } = await read();
      this.#records = new Map(records.map((record) => [record.name, record]));
      this.#sequences = new Map();
      this.#snapshotSequence = sequence;
    } finally {
      this.#changesWhileLoading = undefined;
    }
    for (const change of changes) this.apply(change);
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
