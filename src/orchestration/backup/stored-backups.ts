import type { Readable } from 'node:stream';
import type { Backups, BlobArchive, RestoreReport } from '../../domain/backup.ts';
import { HostError } from '../../domain/errors.ts';
import { liveVersion, type FunctionRecord } from '../../domain/function.ts';
import type { KeyRecord } from '../../domain/key.ts';
import type { NetworkRecord } from '../../domain/private-network.ts';
import type { RecordStore, StoredRecord } from '../../domain/record-store.ts';
import type { Schedules } from '../../domain/schedule.ts';
import type { SecretRecord } from '../../domain/secret.ts';
import type { StackRecord } from '../../domain/stack.ts';
import type { Definitions } from './backup-format.ts';
import { readBackup } from './backup-reader.ts';
import { writeBackup } from './backup-writer.ts';

export interface StoredBackupsOptions {
  readonly functions: RecordStore<FunctionRecord>;
  readonly secrets: RecordStore<SecretRecord>;
  readonly keys: RecordStore<KeyRecord>;
  readonly networks: RecordStore<NetworkRecord>;
  readonly stacks: RecordStore<StackRecord>;
  readonly volumes: Pick<RecordStore<StoredRecord>, 'get' | 'list'>;
  readonly schedules: Pick<Schedules, 'list' | 'pause'>;
  readonly blobs: BlobArchive;
  /** Is there the master key that sealed this? */
  readonly canOpen: (sealed: string) => boolean;
}

/** In the order in which they are restored: functions come when all that they need is there. */
const kinds = ['secrets', 'keys', 'networks', 'stacks', 'functions'] as const;

/** Backups of the records in the durable Redis and of the images that they name. */
export class StoredBackups implements Backups {
  readonly #options: StoredBackupsOptions;

  constructor(options: StoredBackupsOptions) {
    this.#options = options;
  }

  async write(): Promise<Readable> {
    const { functions, secrets, keys, networks, stacks, schedules, blobs } = this.#options;
    const paused = (await schedules.list()).filter(({ isPaused }) => isPaused);
    const definitions: Definitions = {
      functions: functions.list(),
      secrets: secrets.list(),
      keys: keys.list(),
      networks: networks.list(),
      stacks: stacks.list(),
      pausedSchedules: paused.map(({ functionName, trigger }) => ({
        functionName,
        name: trigger.name,
      })),
    };
    return writeBackup(definitions, blobs);
  }

  async restore(archive: Readable): Promise<RestoreReport> {
    this.#requireEmpty();
    const { blobs: store, volumes } = this.#options;
    const { definitions, blobs } = await readBackup(archive, store);
    this.#requireMasterKeys(definitions);
    this.#requireEmpty(); // reading takes its time
    await this.#define(definitions);
    const mounted = definitions.functions.flatMap((record) => liveVersion(record).spec.volumes);
    const missing = mounted.map(({ name }) => name).filter((name) => !volumes.get(name));
    const { functions, secrets, keys, networks } = definitions;
    return {
      functions: functions.length,
      versions: functions.reduce((sum, { versions }) => sum + versions.length, 0),
      secrets: secrets.length,
      keys: keys.length,
      networks: networks.length,
      blobs,
      missingVolumes: [...new Set(missing)].toSorted(),
    };
  }

  /** All or nothing: what was put is removed again where the next cannot be. */
  async #define(definitions: Definitions): Promise<void> {
    await using undo = new AsyncDisposableStack();
    for (const kind of kinds) {
      const store = this.#options[kind] as RecordStore<StoredRecord>;
      for (const record of definitions[kind]) {
        await store.put({ ...record, revision: 1 });
        undo.defer(async () => void (await store.remove(record.name)));
      }
    }
    for (const { functionName, name } of definitions.pausedSchedules) {
      await this.#options.schedules.pause(functionName, name);
    }
    undo.move(); // it is all there: nothing is to be undone
  }

  #requireEmpty(): void {
    const { volumes } = this.#options;
    const found = [...kinds, 'volumes' as const].filter((kind) =>
      kind === 'volumes' ? volumes.list().length > 0 : this.#options[kind].list().length > 0,
    );
    if (found.length === 0) return;
    throw new HostError(
      'conflict',
      'backup.not_empty',
      `This host has ${found.join(', ')} already: a backup is restored to a host that has none. Start one with a new data folder and Redis.`,
      { details: { found } },
    );
  }

  #requireMasterKeys({ secrets, keys }: Definitions): void {
    const sealed = [
      ...secrets.map((secret) => secret.sealed),
      ...keys.flatMap((key) => key.secrets.map((secret) => secret.sealed)),
    ];
    if (sealed.every((text) => this.#options.canOpen(text))) return;
    throw new HostError(
      'invalid',
      'backup.master_key',
      "The backup's secrets and keys were sealed with another master key: put the master.key of the host that was backed up into this host's data folder, restart it, and restore again.",
    );
  }
}
