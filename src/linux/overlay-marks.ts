import { setAttribute } from './extended-attributes.ts';
import { calls, check, LinuxError } from './libc.ts';

const characterDevice = 0o020000;

/**
 * Overlayfs as root mounts it believes only what root has written. Whoever is not root mounts none,
 * and makes the mark for itself.
 */
const opaqueAttribute = (): string =>
  process.geteuid?.() === 0 ? 'trusted.overlay.opaque' : 'user.overlay.opaque';

/** By which overlayfs knows that nothing of lower layers is at a path. @throws LinuxError. */
export function makeWhiteout(path: string): void {
  check(calls.mknod(path, characterDevice, 0), 'mknod', path);
}

/** Makes overlayfs show nothing of lower layers in a folder. @throws LinuxError. */
export function makeOpaque(dir: string): void {
  setAttribute(dir, opaqueAttribute(), Buffer.from('y'));
}

/** @throws LinuxError. */
export function isOpaque(dir: string): boolean {
  try {
    return check(calls.lgetxattr(dir, opaqueAttribute(), null, 0), 'lgetxattr', dir) > 0;
  } catch (error) {
    if (error instanceof LinuxError && ['ENODATA', 'EOPNOTSUPP', 'ENOTSUP'].includes(error.code))
      return false;
    throw error;
  }
}
