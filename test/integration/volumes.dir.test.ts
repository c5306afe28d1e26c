import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { VolumeRecord } from '../../src/domain/volume.ts';
import { mount, unmount } from '../../src/linux/index.ts';
import { DirDriver } from '../../src/volumes/dir-driver.ts';
import { withOwnMounts } from '../support/tests-with-own-mounts.ts';

const program = fileURLToPath(new URL('../support/programs/owned-by-anyone.ts', import.meta.url));
const volume: VolumeRecord = {
  name: 'data',
  revision: 1,
  driver: 'dir',
  sizeBytes: undefined,
  noexec: false,
  node: undefined,
  createdAt: '2026-01-01T00:00:00Z',
};

withOwnMounts('integration', import.meta.url, () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hearth-dir-'));
  });
  afterEach(() => rm(dir, { recursive: true }));

  test('a volume whose file system is not mounted is not mistaken for an empty one', async () => {
    const driver = new DirDriver({ dir, uid: 1000 });
    mount({ source: 'tmpfs', target: dir, type: 'tmpfs' });
    try {
      await driver.create(volume);
      await using _mounted = await driver.mount(volume);
    } finally {
      unmount(dir);
    }
    await expect(driver.mount(volume)).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringContaining('is the file system mounted there?'),
    });
  });

  test('a volume is for anyone where the file system’s server lets nobody own a file', async () => {
    const without = ['--bounding-set=-chown', '--inh-caps=-chown', '--', process.execPath];
    const { stdout } = await promisify(execFile)('setpriv', [...without, program, dir]);
    expect(JSON.parse(stdout)).toEqual({ mode: 0o777, text: 'before' });
  });

  test('a swap that was broken off between its two renames is finished at the next mount', async () => {
    const driver = new DirDriver({ dir, uid: 1000 });
    await driver.create(volume);
    const place = join(dir, 'data');
    await mkdir(join(place, 'new'));
    await promisify(execFile)('sh', [
      '-c',
      `echo kept > ${place}/data/file; mv ${place}/data ${place}/old`,
    ]);
    await using mounted = await driver.mount(volume);
    expect(await readFile(join(mounted.root, 'file'), 'utf8')).toBe('kept\n');
  });
});
