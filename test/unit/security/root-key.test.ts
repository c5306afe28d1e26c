import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ensureRootSecret } from '../../../src/security/root-key.ts';

let dir: string;
let file: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hearth-key-'));
  file = join(dir, 'root.key');
});
afterEach(() => rm(dir, { recursive: true }));

test('the key is made once, for its owner only', async () => {
  const secrets = await Promise.all([ensureRootSecret(file), ensureRootSecret(file)]);
  expect(new Set(secrets).size).toBe(1);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

test('a file that holds no key is not taken for one', async () => {
  await writeFile(file, 'root:\n', { mode: 0o600 });
  await expect(ensureRootSecret(file)).rejects.toMatchObject({ reason: 'security.bad_root_key' });
});

test('a file that others can read is refused, with the remedy', async () => {
  await ensureRootSecret(file);
  await chmod(file, 0o644);
  await expect(ensureRootSecret(file)).rejects.toThrow(`chmod 600 ${file}`);
});
