import { mkdir } from 'node:fs/promises';
import { attachLoop, detachLoop, detachLoopsUnder, mount } from '../linux/index.ts';

/** Makes the folders for images and for mounts, and gives back what a killed worker had attached. */
export async function openImageFolders(dir: string, mountsDir: string): Promise<void> {
  await mkdir(mountsDir, { recursive: true, mode: 0o711 });
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await detachLoopsUnder(dir);
}

/** Mounts an ext4 image on a loop device. `data` are options of the file system. */
export async function mountImage(file: string, target: string, data: string): Promise<void> {
  const device = await attachLoop(file);
  try {
    mount({ source: device, target, type: 'ext4', flags: ['nosuid', 'nodev'], data });
  } finally {
    await detachLoop(device); // from here on the device lives as long as the mount
  }
}
