import type { FunctionSpec } from '../domain/function.ts';
import { fits } from '../domain/principal.ts';
import type { RecordStore } from '../domain/record-store.ts';
import type { SecretBinding, SecretRecord, SecretSource, SecretVault } from '../domain/secret.ts';
import type { Sealer } from './sealer.ts';

export interface StoredSecretsOptions {
  readonly records: RecordStore<SecretRecord>;
  readonly sealer: Sealer;
  readonly now?: () => Date;
}

/** Secrets in the record store, sealed. They are opened for a function at the moment it is loaded. */
export class StoredSecrets implements SecretVault, SecretSource {
  readonly #records: RecordStore<SecretRecord>;
  readonly #sealer: Sealer;
  readonly #now: () => Date;

  constructor({ records, sealer, now = () => new Date() }: StoredSecretsOptions) {
    this.#records = records;
    this.#sealer = sealer;
    this.#now = now;
  }

  list(): readonly SecretRecord[] {
    return this.#records.list();
  }

  async set(name: string, value: string, functions: readonly string[]): Promise<SecretRecord> {
    const record = {
      name,
      revision: (this.#records.get(name)?.revision ?? 0) + 1,
      sealed: this.#sealer.seal(secretPurpose(name), value),
      functions,
      changedAt: this.#now().toISOString(),
    };
    await this.#records.put(record);
    return record;
  }

  remove(name: string): Promise<boolean> {
    return this.#records.remove(name);
  }

  bind({ name: functionName, secrets }: Pick<FunctionSpec, 'name' | 'secrets'>): SecretBinding {
    const values: Record<string, string> = {};
    const missing: string[] = [];
    const stamp: string[] = [];
    for (const name of secrets) {
      const record = this.#records.get(name);
      stamp.push(record?.changedAt ?? ''); // not the revision: a new master key changes no value
      if (record?.functions.some((pattern) => fits(pattern, functionName))) {
        values[name] = this.#sealer.open(secretPurpose(name), record.sealed);
      } else {
        missing.push(name);
      }
    }
    return { values, missing, stamp: stamp.join() };
  }
}

/** What a secret's value is sealed for. */
export const secretPurpose = (name: string): string => `secret:${name}`;
