// A volume of the driver `dir` where nothing can be given to another user, as on an NFS server that
// makes everyone the same one. Argument: the folder. Prints JSON.
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DirDriver } from '../../../src/volumes/dir-driver.ts';

const [dir = ''] = process.argv.slice(2);
const driver = new DirDriver({ dir, uid: 1000 });
const volume = {
  name: 'data',
  revision: 1,
  driver: 'dir',
  sizeBytes: undefined,
  noexec: false,
  node: undefined,
  createdAt: '',
} as const;
await driver.create(volume);
const { root } = await driver.mount(volume);
const mode = (await stat(root)).mode & 0o777;
const file = join(root, 'file');
await writeFile(file, 'before');
await driver.snapshot(volume, 'first');
await writeFile(file, 'after');
await driver.restore(volume, 'first');
process.stdout.write(JSON.stringify({ mode, text: await readFile(file, 'utf8') }));
