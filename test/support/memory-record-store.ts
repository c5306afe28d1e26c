import { HostError } from '../../src/domain/errors.ts';
import type { RecordStore, StoredRecord } from '../../src/domain/record-store.ts';

/** Records in memory; passes the contract of the real store. */
export class MemoryRecordStore<R extends StoredRecord> implements RecordStore<R> {
  readonly #records = new Map<string, R>();

  get(name: string): R | undefined {
    return this.#records.get(name);
  }

  list(): readonly R[] {
    return [...this.#records.values()];
  }

  readonly #listeners = new Set<() => void>();

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  async put(record: R): Promise<void> {
    const revision = this.#records.get(record.name)?.revision ?? 0;
    if (revision !== record.revision - 1) {
      throw new HostError('conflict', 'records.conflict', `${record.name} was changed meanwhile`);
    }
    this.#records.set(record.name, record);
    this.#tell();
  }

  async remove(name: string): Promise<boolean> {
    const isRemoved = this.#records.delete(name);
    if (isRemoved) this.#tell();
    return isRemoved;
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
