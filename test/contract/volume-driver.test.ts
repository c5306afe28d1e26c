import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DirDriver } from '../../src/volumes/dir-driver.ts';
import { mount, unmount } from '../../src/linux/index.ts';
import { LocalDriver } from '../../src/volumes/local-driver.ts';
import { withOwnMounts } from '../support/tests-with-own-mounts.ts';
import { volumeDriverContract } from './volume-driver.ts';

const newFolder = () => mkdtemp(join(tmpdir(), 'hearth-driver-'));
const common = { revision: 1, noexec: false, node: undefined, createdAt: '2026-01-01T00:00:00Z' };

withOwnMounts('contract', import.meta.url, () => {
  volumeDriverContract('LocalDriver', async () => {
    const dir = await newFolder();
    const driver = new LocalDriver({
      dir: join(dir, 'volumes'),
      mountsDir: join(dir, 'mounts'),
      uid: 1000,
    });
    await driver.removeLeftovers();
    return {
      driver,
      volume: (name) => ({ ...common, name, driver: 'local', sizeBytes: 16 * 1024 ** 2 }),
      close: () => rm(dir, { recursive: true }),
    };
  });

  volumeDriverContract('DirDriver, on a mount of its own', async () => {
    const dir = await newFolder();
    mount({ source: 'tmpfs', target: dir, type: 'tmpfs' });
    return {
      driver: new DirDriver({ dir, uid: 1000 }),
      volume: (name) => ({ ...common, name, driver: 'dir', sizeBytes: undefined }),
      close: async () => {
        unmount(dir);
        await rm(dir, { recursive: true });
      },
    };
  });

  volumeDriverContract('DirDriver', async () => {
    const dir = await newFolder();
    return {
      driver: new DirDriver({ dir, uid: 1000 }),
      volume: (name) => ({ ...common, name, driver: 'dir', sizeBytes: undefined }),
      close: () => rm(dir, { recursive: true }),
    };
  });
});
