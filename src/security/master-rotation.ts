import type { KeyRecord } from '../domain/key.ts';
import type { RecordStore, StoredRecord } from '../domain/record-store.ts';
import type { MasterKeyRotation, SecretRecord } from '../domain/secret.ts';
import type { MasterKeys } from './master-key.ts';
import type { Sealer } from './sealer.ts';
import { keyPurpose } from './stored-keys.ts';
import { secretPurpose } from './stored-secrets.ts';

export interface StoredRotationOptions {
  readonly masterKeys: MasterKeys;
  readonly sealer: Sealer;
  readonly keys: RecordStore<KeyRecord>;
  readonly secrets: RecordStore<SecretRecord>;
}

/**
 * Puts a new master key before the others and seals every record with it. The others stay in the
 * file: another process may still seal with one until it starts again. Broken off half-way it
 * leaves records that open all the same, and a second time does the rest.
 */
export class StoredRotation implements MasterKeyRotation {
  readonly #options: StoredRotationOptions;

  constructor(options: StoredRotationOptions) {
    this.#options = options;
  }

  async rotate(): Promise<number> {
    const { masterKeys, sealer, keys, secrets } = this.#options;
    const again = (purpose: string, sealed: string) =>
      sealer.seal(purpose, sealer.open(purpose, sealed));
    await masterKeys.rotate();
    const ofKeys = await resealAll(keys, (key) => ({
      ...key,
      secrets: key.secrets.map((secret) => ({
        ...secret,
        sealed: again(keyPurpose(key.name), secret.sealed),
      })),
    }));
    const ofSecrets = await resealAll(secrets, (secret) => ({
      ...secret,
      sealed: again(secretPurpose(secret.name), secret.sealed),
    }));
    return ofKeys + ofSecrets;
  }
}

/** @throws HostError `conflict` when someone changes a record at the same time. */
async function resealAll<R extends StoredRecord>(
  store: RecordStore<R>,
  reseal: (record: R) => R,
): Promise<number> {
  const records = store.list();
  for (const record of records) {
    await store.put({ ...reseal(record), revision: record.revision + 1 });
  }
  return records.length;
}
