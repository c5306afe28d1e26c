import { randomBytes } from 'node:crypto';
import { HostError } from '../domain/errors.ts';
import type { KeyRecord, KeyRing, KeySecret, NewKey } from '../domain/key.ts';
import type { Scope } from '../domain/principal.ts';
import type { UsageLimits } from '../domain/quota.ts';
import type { RecordStore } from '../domain/record-store.ts';
import { rootKeyId } from './root-key.ts';
import type { Sealer } from './sealer.ts';

const secretBytes = 32;

/** Changes of callers from one secret to the next are over long before that. */
const secretsKept = 5;

export interface StoredKeysOptions {
  readonly records: RecordStore<KeyRecord>;
  readonly sealer: Sealer;
  readonly now?: () => Date;
}

/** Keys in the record store, their secrets sealed. */
export class StoredKeys implements KeyRing {
  readonly #records: RecordStore<KeyRecord>;
  readonly #sealer: Sealer;
  readonly #now: () => Date;

  constructor({ records, sealer, now = () => new Date() }: StoredKeysOptions) {
    this.#records = records;
    this.#sealer = sealer;
    this.#now = now;
  }

  list(): readonly KeyRecord[] {
    return this.#records.list();
  }

  async create(
    id: string,
    scopes: readonly Scope[],
    expiresAt: Date | undefined,
    limits: UsageLimits = {},
  ): Promise<NewKey> {
    if (id === rootKeyId || this.#records.get(id)) throw exists(id);
    const secret = newSecret();
    return await this.#put(secret, {
      name: id,
      revision: 1,
      scopes,
      createdAt: this.#now().toISOString(),
      ...(expiresAt ? { expiresAt: expiresAt.toISOString() } : {}),
      ...(isEmpty(limits) ? {} : { limits }),
      secrets: [this.#sealed(id, secret)],
    });
  }

  async limit(id: string, limits: UsageLimits): Promise<KeyRecord> {
    const { limits: _before, ...others } = this.#existing(id);
    const record = { ...others, ...(isEmpty(limits) ? {} : { limits }) };
    const changed = { ...record, revision: record.revision + 1 };
    await this.#records.put(changed);
    return changed;
  }

  async rotate(id: string, overlapMs: number): Promise<NewKey> {
    const record = this.#existing(id);
    const secret = newSecret();
    const until = new Date(this.#now().getTime() + overlapMs).toISOString();
    const older = overlapMs > 0 ? record.secrets.map((old) => endingBy(old, until)) : [];
    const secrets = [this.#sealed(id, secret), ...older].slice(0, secretsKept);
    return await this.#put(secret, { ...record, revision: record.revision + 1, secrets });
  }

  remove(id: string): Promise<boolean> {
    return this.#records.remove(id);
  }

  #existing(id: string): KeyRecord {
    const record = this.#records.get(id);
    if (!record) throw noKey(id);
    return record;
  }

  async #put(secret: string, record: KeyRecord): Promise<NewKey> {
    await this.#records.put(record);
    return { record, secret };
  }

  #sealed(id: string, secret: string): KeySecret {
    const sealed = this.#sealer.seal(keyPurpose(id), secret);
    return { sealed, createdAt: this.#now().toISOString() };
  }
}

/** What a key's secret is sealed for. */
export const keyPurpose = (id: string): string => `key:${id}`;

const newSecret = (): string => randomBytes(secretBytes).toString('base64url');

const isEmpty = (limits: UsageLimits): boolean => Object.keys(limits).length === 0;

/** An earlier end stays. */
function endingBy(secret: KeySecret, until: string): KeySecret {
  return secret.until !== undefined && secret.until < until ? secret : { ...secret, until };
}

const exists = (id: string): HostError =>
  new HostError(
    'conflict',
    'keys.exists',
    `There is a key "${id}" already: rotate it to get a new secret, or remove it first.`,
  );

const noKey = (id: string): HostError =>
  new HostError('not_found', 'keys.not_found', `There is no key "${id.slice(0, 80)}".`);
