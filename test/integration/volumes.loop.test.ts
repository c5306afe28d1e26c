import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { OnCopyProgress } from '../../src/domain/volume.ts';
import {
  attachLoop,
  loopDevices,
  mountIdmapped,
  openUserNamespace,
  unmount,
} from '../../src/linux/index.ts';
import { withOwnMounts } from '../support/tests-with-own-mounts.ts';
import { LocalDriver } from '../../src/volumes/local-driver.ts';

const ids = { firstId: 0x70000000, count: 65_536 };
const volume = {
  name: 'data',
  revision: 1,
  driver: 'local',
  sizeBytes: 16 * 1024 ** 2,
  noexec: false,
  node: undefined,
  createdAt: '2026-01-01T00:00:00Z',
} as const;

withOwnMounts('integration', import.meta.url, () => {
  let dir: string;
  let driver: LocalDriver;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hearth-loop-'));
    driver = new LocalDriver({
      dir: join(dir, 'volumes'),
      mountsDir: join(dir, 'mounts'),
      uid: 1000,
    });
    await driver.removeLeftovers();
  });
  afterEach(() => rm(dir, { recursive: true }));

  const image = () => join(dir, 'volumes/data/image.ext4');
  const ours = async () =>
    (await loopDevices()).filter(({ backingFile }) => backingFile === image());

  describe('loop devices', () => {
    test('are there while a volume is mounted, one for each, and then no more', async () => {
      await driver.create(volume);
      {
        await using _mounted = await driver.mount(volume);
        expect(await ours()).toHaveLength(1);
      }
      expect(await ours()).toEqual([]);
    });

    test('that a killed worker left are detached at the next start, and drafts removed', async () => {
      await driver.create(volume);
      await attachLoop(image());
      await writeFile(join(dir, 'volumes/.new-draft'), '');
      await driver.removeLeftovers();
      expect(await ours()).toEqual([]);
      await expect(stat(join(dir, 'volumes/.new-draft'))).rejects.toThrow('ENOENT');
    });
  });

  test('a file system that was broken off is mended at the next mount', async () => {
    await driver.create(volume);
    {
      await using mounted = await driver.mount(volume);
      await writeFile(join(mounted.root, 'file'), 'synced', { flush: true });
      // What a power cut leaves: the image as it is on the disk now, its journal not replayed.
      execFileSync('cp', ['--sparse=always', image(), join(dir, 'cut')]);
    }
    execFileSync('cp', ['--sparse=always', join(dir, 'cut'), image()]);
    const features = () => execFileSync('dumpe2fs', ['-h', image()], { stdio: 'pipe' }).toString();
    expect(features()).toContain('needs_recovery');
    await using mounted = await driver.mount(volume);
    expect((await stat(join(mounted.root, 'file'))).size).toBe(6);
  });

  test('a copy tells how far it is', async () => {
    await driver.create(volume);
    const onProgress = vi.fn<OnCopyProgress>();
    await driver.snapshot(volume, 'first', { onProgress });
    const totalBytes = await driver.usedBytes(volume);
    expect(onProgress).toHaveBeenLastCalledWith({ doneBytes: totalBytes, totalBytes });
  });

  test('one that is damaged is not mounted, and the operator told what to do', async () => {
    await driver.create(volume);
    await driver.snapshot(volume, 'good');
    execFileSync('dd', ['if=/dev/urandom', `of=${image()}`, 'bs=64k', 'count=32', 'conv=notrunc'], {
      stdio: 'ignore',
    });
    await expect(driver.mount(volume)).rejects.toMatchObject({ reason: 'volume.damaged' });
    await driver.restore(volume, 'good');
    await using _mounted = await driver.mount(volume);
  });

  describe('an idmapped mount', () => {
    let source: string;
    let target: string;
    beforeEach(async () => {
      [source, target] = [join(dir, 'source'), join(dir, 'target')];
      await mkdir(source);
      await mkdir(target);
    });
    afterEach(() => unmount(target, { detach: true }));

    test('shows the ids on disk as those of the user namespace', async () => {
      await writeFile(join(source, 'file'), '');
      execFileSync('chown', ['1000:1001', join(source, 'file')]);
      using namespace = await openUserNamespace(ids);
      const isMapped = mountIdmapped({
        source,
        target,
        flags: ['nosuid'],
        userNamespaceFd: namespace.fd,
      });
      expect(isMapped).toBe(true);
      const { uid, gid } = await stat(join(target, 'file'));
      expect({ uid, gid }).toEqual({ uid: ids.firstId + 1000, gid: ids.firstId + 1001 });
    });

    test('is a plain one where the file system does not take part', async () => {
      execFileSync('mount', ['-t', 'ramfs', 'ramfs', source]);
      try {
        using namespace = await openUserNamespace(ids);
        const flags = ['ro', 'nosuid', 'nodev'] as const;
        expect(mountIdmapped({ source, target, flags, userNamespaceFd: namespace.fd })).toBe(false);
        await expect(writeFile(join(target, 'file'), '')).rejects.toThrow('EROFS');
      } finally {
        unmount(target, { detach: true });
        unmount(source, { detach: true });
      }
    });
  });
});
