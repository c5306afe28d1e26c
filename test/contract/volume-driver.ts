import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { VolumeDriver, VolumeRecord } from '../../src/domain/volume.ts';

export interface VolumeDriverFixture {
  readonly driver: VolumeDriver;
  /** A record that this driver can make a volume of. */
  volume(name: string): VolumeRecord;
  close(): Promise<void>;
}

/** What every VolumeDriver promises (src/domain/volume.ts). */
export function volumeDriverContract(name: string, open: () => Promise<VolumeDriverFixture>): void {
  describe(`${name} as a VolumeDriver`, () => {
    let fixture: VolumeDriverFixture;
    let driver: VolumeDriver;
    let volume: VolumeRecord;

    beforeEach(async () => {
      fixture = await open();
      ({ driver } = fixture);
      volume = fixture.volume('data');
      await driver.create(volume);
    });
    afterEach(() => fixture.close());

    const write = async (text: string) => {
      await using mounted = await driver.mount(volume);
      await writeFile(join(mounted.root, 'file'), text);
    };
    const read = async () => {
      await using mounted = await driver.mount(volume);
      return await readFile(join(mounted.root, 'file'), 'utf8').catch(() => undefined);
    };

    it("makes an empty volume that is the function's user's", async () => {
      await using mounted = await driver.mount(volume);
      expect((await stat(mounted.root)).uid).toBe(1000);
      expect(await driver.snapshots(volume)).toEqual([]);
      expect(await driver.usedBytes(volume)).toBeGreaterThanOrEqual(0);
    });

    it('keeps what was written from one mount to the next', async () => {
      await write('kept');
      expect(await read()).toBe('kept');
    });

    it('makes no volume twice, and leaves the first as it was', async () => {
      await write('first');
      await expect(driver.create(volume)).rejects.toMatchObject({ code: 'conflict' });
      expect(await read()).toBe('first');
    });

    it('takes snapshots of what is mounted and of what is not, and restores them', async () => {
      await write('one');
      await driver.snapshot(volume, 'first');
      {
        await using mounted = await driver.mount(volume);
        await writeFile(join(mounted.root, 'file'), 'two');
        await driver.snapshot(volume, 'second', { mounted });
        await writeFile(join(mounted.root, 'file'), 'three');
      }
      expect(await read()).toBe('three');
      await driver.restore(volume, 'first');
      expect(await read()).toBe('one');
      await driver.restore(volume, 'second');
      expect(await read()).toBe('two');
      const names = (await driver.snapshots(volume)).map((snapshot) => snapshot.name);
      expect(names).toEqual(['first', 'second']);
      await driver.removeSnapshot(volume, 'first');
      expect(await driver.snapshots(volume)).toHaveLength(1);
    });

    it('refuses snapshots that are there, and asks for those that are not', async () => {
      await driver.snapshot(volume, 'first');
      await expect(driver.snapshot(volume, 'first')).rejects.toMatchObject({ code: 'conflict' });
      await expect(driver.restore(volume, 'none')).rejects.toMatchObject({ code: 'not_found' });
      await expect(driver.removeSnapshot(volume, 'none')).rejects.toMatchObject({
        code: 'not_found',
      });
    });

    it('replaces everything, or nothing when that fails', async () => {
      await write('old');
      const broken = driver.replace(volume, async (root) => {
        await writeFile(join(root, 'file'), 'half');
        throw new Error('on purpose');
      });
      await expect(broken).rejects.toThrow('on purpose');
      expect(await read()).toBe('old');
      await driver.replace(volume, (root) => writeFile(join(root, 'other'), 'new'));
      expect(await read()).toBeUndefined();
      await using mounted = await driver.mount(volume);
      expect(await readFile(join(mounted.root, 'other'), 'utf8')).toBe('new');
      expect((await stat(mounted.root)).uid).toBe(1000);
    });

    it('removes a volume with its snapshots, once and again', async () => {
      await driver.snapshot(volume, 'first');
      await driver.remove(volume);
      await driver.remove(volume);
      await expect(driver.mount(volume)).rejects.toMatchObject({ code: 'not_found' });
      await driver.create(volume);
      expect(await driver.snapshots(volume)).toEqual([]);
    });
  });
}
