import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ensureClusterKey, readClusterKey } from '../../../src/security/cluster-key.ts';

let dir: string;
let file: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hearth-cluster-key-'));
  file = join(dir, 'cluster.key');
});
afterEach(() => rm(dir, { recursive: true }));

test('a cluster key is made once, for its owner alone', async () => {
  expect(await readClusterKey(file)).toBeUndefined();
  const key = await ensureClusterKey(file);
  expect(key.byteLength).toBe(32);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect([await ensureClusterKey(file), await readClusterKey(file)]).toEqual([key, key]);
});

test('what is no cluster key is refused, and so is one that others can read', async () => {
  await writeFile(file, 'half a k', { mode: 0o600 });
  await expect(readClusterKey(file)).rejects.toMatchObject({ reason: 'security.bad_cluster_key' });
  await rm(file);
  await writeFile(file, Buffer.alloc(32).toString('base64url'), { mode: 0o644 });
  await expect(readClusterKey(file)).rejects.toMatchObject({
    reason: 'security.readable_by_others',
  });
});
