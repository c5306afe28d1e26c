import { HostError } from '../../src/domain/errors.ts';
import type { FunctionRecord, FunctionStore } from '../../src/domain/function.ts';

/** Functions in memory; passes the contract of the real store. */
export class MemoryFunctionStore implements FunctionStore {
  readonly #records = new Map<string, FunctionRecord>();

  get(name: string): FunctionRecord | undefined {
    return this.#records.get(name);
  }

  list(): readonly FunctionRecord[] {
    return [...this.#records.values()];
  }

  async put(record: FunctionRecord): Promise<void> {
    const revision = this.#records.get(record.name)?.revision ?? 0;
    if (revision !== record.revision - 1) {
      throw new HostError('conflict', 'functions.conflict', `${record.name} was changed meanwhile`);
    }
    this.#records.set(record.name, record);
  }

  async remove(name: string): Promise<boolean> {
    return this.#records.delete(name);
  }
}
