import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { KeyRecord } from '../../../src/domain/key.ts';
import type { LogEntry } from '../../../src/domain/log.ts';
import type { SecretRecord } from '../../../src/domain/secret.ts';
import { KeyAuthorizer } from '../../../src/security/key-authorizer.ts';
import { MasterKeys } from '../../../src/security/master-key.ts';
import { StoredRotation } from '../../../src/security/master-rotation.ts';
import { RedactingLogs } from '../../../src/security/redacting-logs.ts';
import { redactionOf } from '../../../src/security/redaction.ts';
import { Sealer } from '../../../src/security/sealer.ts';
import { StoredKeys } from '../../../src/security/stored-keys.ts';
import { StoredSecrets } from '../../../src/security/stored-secrets.ts';
import { MemoryRecordStore } from '../../support/memory-record-store.ts';
import { silentLogger } from '../../support/silent-logger.ts';

let dir: string;
let masterKeys: MasterKeys;
let sealer: Sealer;
let records: MemoryRecordStore<SecretRecord>;
let secrets: StoredSecrets;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hearth-secrets-'));
  masterKeys = await MasterKeys.open(join(dir, 'master.key'));
  sealer = new Sealer(masterKeys);
  records = new MemoryRecordStore();
  secrets = new StoredSecrets({ records, sealer });
});
afterEach(() => rm(dir, { recursive: true }));

const token = 'correct-horse-battery';
const shop = { name: 'shop-cart', secrets: ['API_TOKEN', 'OTHER'] };

describe('secrets', () => {
  test('are given to the functions they are for, and no other', async () => {
    await secrets.set('API_TOKEN', token, ['shop-*']);
    await secrets.set('OTHER', 'other', ['admin']);
    expect(secrets.bind(shop)).toMatchObject({
      values: { API_TOKEN: token },
      missing: ['OTHER'],
    });
    expect(secrets.bind({ ...shop, name: 'else' }).values).toEqual({});
    expect(secrets.bind({ name: 'shop-cart', secrets: [] }).missing).toEqual([]);
  });

  test('are kept encrypted, each for itself', async () => {
    await secrets.set('API_TOKEN', token, ['*']);
    const record = records.get('API_TOKEN');
    expect(JSON.stringify(record)).not.toContain(token);
    // Whoever can write records cannot hand one secret's value out under another's name.
    await records.put({ ...record!, name: 'OTHER', revision: 1 });
    expect(() => secrets.bind(shop)).toThrow('cannot be opened');
  });

  test('are replaced and removed', async () => {
    await secrets.set('API_TOKEN', 'old value', ['*']);
    await secrets.set('API_TOKEN', token, ['*']);
    expect(secrets.bind(shop).values).toEqual({ API_TOKEN: token });
    expect(await secrets.remove('API_TOKEN')).toBe(true);
    expect(secrets.bind(shop).missing).toEqual(['API_TOKEN', 'OTHER']);
  });
});

test('a new master key seals all secrets and keys anew, and they stay what they are', async () => {
  const keyRecords = new MemoryRecordStore<KeyRecord>();
  const keys = new StoredKeys({ records: keyRecords, sealer });
  const { secret } = await keys.create('ci', [], undefined);
  await secrets.set('API_TOKEN', token, ['*']);
  const before = JSON.stringify([keyRecords.list(), records.list()]);
  const old = masterKeys.current.id;
  const { stamp } = secrets.bind(shop);
  const rotation = new StoredRotation({ masterKeys, sealer, keys: keyRecords, secrets: records });
  expect(await rotation.rotate()).toBe(2);
  const after = JSON.stringify([keyRecords.list(), records.list()]);
  expect(before).toContain(`"${old}.`);
  expect(after).not.toContain(`"${old}.`);
  expect(secrets.bind(shop)).toMatchObject({ values: { API_TOKEN: token }, stamp });
  const authorizer = new KeyAuthorizer({
    rootSecret: 'root',
    records: keyRecords,
    sealer,
    logger: silentLogger,
  });
  expect(authorizer.authenticate(`Bearer ci:${secret}`)).toMatchObject({ id: 'ci' });
});

describe('redaction', () => {
  test.each([
    ['the value', `token=${token}!`],
    ['a repeated one', `${token}${token}`],
    ['one in JSON', JSON.stringify({ token })],
  ])('takes out %s', (_what, text) => {
    const redacted = redactionOf([token])(text);
    expect(redacted).toContain('[secret]');
    expect(redacted).not.toContain(token);
  });

  test('takes out what JSON, a URL or a line break make of it', () => {
    const value = 'first "line"\nsecond&line';
    const redact = redactionOf([value]);
    expect(redact(JSON.stringify('first "line"'))).toBe('"[secret]"');
    expect(redact(`?q=${encodeURIComponent('second&line')}`)).toBe('?q=[secret]');
    expect(redact('the second&line alone')).toBe('the [secret] alone');
  });

  test('leaves nothing of a value that has another at its start', () => {
    expect(redactionOf(['abcdef', 'abcdef-tail'])('abcdef-tail abcdef')).toBe('[secret] [secret]');
  });

  test('lets alone what is too short to be told from other text', () => {
    expect(redactionOf(['on'])('no reason')).toBe('no reason');
  });
});

test('logs go without what the function was given, now and before', async () => {
  const entries: LogEntry[] = [];
  const logs = new RedactingLogs(secrets, { append: (entry) => entries.push(entry) });
  const print = (functionName: string, text: string) => {
    logs.append({ functionName, text, timeMs: 0, stream: 'stdout' });
    return entries.at(-1)?.text;
  };
  await secrets.set('API_TOKEN', token, ['*']);
  logs.bind({ name: 'shop', secrets: ['API_TOKEN'] });
  await secrets.set('API_TOKEN', 'the-next-token', ['*']);
  logs.bind({ name: 'shop', secrets: ['API_TOKEN'] });
  expect(print('shop', `${token} the-next-token`)).toBe('[secret] [secret]');
  expect(print('other', token)).toBe(token);
});
