import { beforeEach, describe, expect, test } from 'vitest';
import type { KeyRecord } from '../../../src/domain/key.ts';
import type { Scope } from '../../../src/domain/principal.ts';
import { KeyAuthorizer } from '../../../src/security/key-authorizer.ts';
import { Sealer } from '../../../src/security/sealer.ts';
import { StoredKeys } from '../../../src/security/stored-keys.ts';
import { MemoryRecordStore } from '../../support/memory-record-store.ts';
import { silentLogger } from '../../support/silent-logger.ts';

const master = { id: '00000001', bytes: Buffer.alloc(32, 1) };
const sealer = new Sealer({ current: master, find: () => master });
const scopes: Scope[] = [{ action: 'invoke', pattern: 'shop-*' }];
const rootSecret = 'the-secret-of-the-administrator';

let now: Date;
let records: MemoryRecordStore<KeyRecord>;
let keys: StoredKeys;
let authorizer: KeyAuthorizer;
beforeEach(() => {
  now = new Date('2026-01-02T03:04:05Z');
  records = new MemoryRecordStore();
  keys = new StoredKeys({ records, sealer, now: () => now });
  authorizer = new KeyAuthorizer({
    rootSecret,
    records,
    sealer,
    logger: silentLogger,
    now: () => now,
  });
});

const later = (ms: number) => (now = new Date(now.getTime() + ms));
const bearer = (id: string, secret: string) => authorizer.authenticate(`Bearer ${id}:${secret}`);
const hour = 3_600_000;

describe('a key', () => {
  test('opens with its secret, as Bearer and as Basic, and brings its scopes', async () => {
    const { secret } = await keys.create('ci', scopes, undefined);
    expect(bearer('ci', secret)).toEqual({ id: 'ci', scopes });
    const basic = Buffer.from(`ci:${secret}`).toString('base64');
    expect(authorizer.authenticate(`Basic ${basic}`)).toEqual({ id: 'ci', scopes });
    expect(authorizer.authenticate(`bearer ci:${secret}`)).toBeDefined();
  });

  test('is recorded without its secret', async () => {
    const { secret } = await keys.create('ci', scopes, undefined);
    expect(JSON.stringify(records.list())).not.toContain(secret);
  });

  test.each([
    ['no header', undefined],
    ['an empty one', ''],
    ['another scheme', 'Digest ci:x'],
    ['no secret', 'Bearer ci'],
    ['an empty secret', 'Bearer ci:'],
    ['a wrong secret', 'Bearer ci:wrong'],
    ['a key that is not there', 'Bearer other:wrong'],
    ['nothing but a colon', 'Bearer :'],
    ['broken base64', 'Basic %%%'],
  ])('does not open with %s', async (_what, header) => {
    await keys.create('ci', scopes, undefined);
    expect(authorizer.authenticate(header)).toBeUndefined();
  });

  test('opens nothing once it was removed, or made again under its old id', async () => {
    const { secret } = await keys.create('ci', scopes, undefined);
    await keys.remove('ci');
    expect(bearer('ci', secret)).toBeUndefined();
    await keys.create('ci', scopes, undefined);
    expect(bearer('ci', secret)).toBeUndefined();
  });

  test('opens until it expires', async () => {
    const { secret } = await keys.create('ci', scopes, new Date(now.getTime() + hour));
    expect(bearer('ci', secret)).toBeDefined();
    later(hour);
    expect(bearer('ci', secret)).toBeUndefined();
  });

  test('has one id, and cannot be the administrator', async () => {
    await keys.create('ci', scopes, undefined);
    for (const id of ['ci', 'root']) {
      await expect(keys.create(id, scopes, undefined)).rejects.toMatchObject({ code: 'conflict' });
    }
  });

  test('gets a new secret, and the old one opens as long as it was told to', async () => {
    const { secret: old } = await keys.create('ci', scopes, undefined);
    const { secret } = await keys.rotate('ci', hour);
    expect(bearer('ci', secret)).toBeDefined();
    expect(bearer('ci', old)).toBeDefined();
    later(hour);
    expect(bearer('ci', old)).toBeUndefined();
    expect(bearer('ci', secret)).toBeDefined();
    const { secret: third } = await keys.rotate('ci', 0);
    expect(bearer('ci', secret)).toBeUndefined();
    expect(bearer('ci', third)).toBeDefined();
  });

  test('keeps an earlier end through a second rotation', async () => {
    const { secret: old } = await keys.create('ci', scopes, undefined);
    await keys.rotate('ci', hour);
    await keys.rotate('ci', 10 * hour);
    later(hour);
    expect(bearer('ci', old)).toBeUndefined();
  });

  test('that was sealed with another master key opens nothing', async () => {
    const { secret, record } = await keys.create('ci', scopes, undefined);
    const swapped = record.secrets.map((kept) => ({
      ...kept,
      sealed: sealer.seal('key:x', secret),
    }));
    await records.put({ ...record, revision: 2, secrets: swapped });
    expect(bearer('ci', secret)).toBeUndefined();
  });
});

test("the administrator's key may do everything", () => {
  expect(bearer('root', rootSecret)?.scopes).toEqual([{ action: 'admin', pattern: '*' }]);
  expect(bearer('root', `${rootSecret}x`)).toBeUndefined();
});
