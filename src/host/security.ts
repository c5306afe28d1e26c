import type { dataPaths } from './data-paths.ts';
import type { KeyRecord } from '../domain/key.ts';
import type { LogStore } from '../domain/log.ts';
import type { SecretRecord } from '../domain/secret.ts';
import type { RedisConnectionOptions } from '../lib/redis-connection.ts';
import { RedisRecordStore } from '../orchestration/redis-record-store.ts';
import { KeyAuthorizer } from '../security/key-authorizer.ts';
import { MasterKeys } from '../security/master-key.ts';
import { StoredRotation } from '../security/master-rotation.ts';
import { RedisQuotas } from '../security/redis-quotas.ts';
import { RedactingLogs } from '../security/redacting-logs.ts';
import { ensureRootSecret } from '../security/root-key.ts';
import { Sealer } from '../security/sealer.ts';
import { StoredKeys } from '../security/stored-keys.ts';
import { CallerGuard } from '../security/trigger-guard.ts';
import { StoredSecrets } from '../security/stored-secrets.ts';

type Paths = Pick<ReturnType<typeof dataPaths>, 'rootKey' | 'masterKey'>;

/** Who may do what, and what functions are given that nobody else may see: a gateway's part. */
export async function gatewaySecurity(
  paths: Paths,
  { durable, fast }: Readonly<Record<'durable' | 'fast', RedisConnectionOptions>>,
) {
  const rootSecret = await ensureRootSecret(paths.rootKey);
  const masterKeys = await MasterKeys.open(paths.masterKey);
  const sealer = new Sealer(masterKeys);
  const keyRecords = new RedisRecordStore<KeyRecord>({ ...durable, kind: 'keys' });
  const secretRecords = new RedisRecordStore<SecretRecord>({ ...durable, kind: 'secrets' });
  const secrets = new StoredSecrets({ records: secretRecords, sealer });
  const quotas = new RedisQuotas(fast);
  const { logger } = durable;
  return {
    keys: new StoredKeys({ records: keyRecords, sealer }),
    secrets,
    masterKey: new StoredRotation({ masterKeys, sealer, keys: keyRecords, secrets: secretRecords }),
    authorizer: new KeyAuthorizer({ rootSecret, records: keyRecords, sealer, logger }),
    guard: new CallerGuard({ secrets }),
    quotas,
    records: { keys: keyRecords, secrets: secretRecords },
    canOpen: (sealed: string) => masterKeys.find(sealed.split('.', 1)[0] ?? '') !== undefined,
    services: [keyRecords, secretRecords, quotas],
  };
}

/** A worker's part: secrets for functions, which what they print goes without. */
export async function workerSecurity(
  paths: Paths,
  durable: RedisConnectionOptions,
  logs: Pick<LogStore, 'append'>,
) {
  const sealer = new Sealer(await MasterKeys.open(paths.masterKey));
  const records = new RedisRecordStore<SecretRecord>({ ...durable, kind: 'secrets' });
  const redacting = new RedactingLogs(new StoredSecrets({ records, sealer }), logs);
  return {
    forSandboxes: {
      secrets: redacting,
      onChange: (listener: () => void) => records.onChange(listener),
    },
    logs: redacting,
    services: [records],
  };
}
