import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ensureRootKey, RootKeyAuthenticator } from '../../../src/security/root-key.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hearth-key-'));
});
afterEach(() => rm(dir, { recursive: true }));

test('the key is made once, for its owner only', async () => {
  const file = join(dir, 'root.key');
  const keys = await Promise.all([ensureRootKey(file), ensureRootKey(file)]);
  expect(new Set(keys).size).toBe(1);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

test('a file that holds no key is not taken for one', async () => {
  const file = join(dir, 'root.key');
  await writeFile(file, 'root:\n');
  await expect(ensureRootKey(file)).rejects.toMatchObject({ reason: 'security.bad_root_key' });
});

test.each([
  ['Bearer root:right-secret-0123456789', true],
  ['bearer root:right-secret-0123456789', true],
  ['Bearer root:wrong', false],
  ['Bearer root:right-secret-0123456789x', false],
  ['Basic root:right-secret-0123456789', false],
  ['', false],
  [undefined, false],
])('the header "%s" is let in: %s', (header, isLetIn) => {
  const authenticator = new RootKeyAuthenticator('root:right-secret-0123456789');
  expect(authenticator.authenticate(header) !== undefined).toBe(isLetIn);
});
