import { calls, check } from './libc.ts';
import { bindMount, unmount } from './mounts.ts';

/**
 * Makes a folder all that this process sees of any file system, for good. The process must be in
 * user and mount namespaces of its own. @throws LinuxError.
 */
export function enterFolder(dir: string): void {
  bindMount(dir, dir);
  process.chdir(dir);
  check(calls.pivotRoot('.', '.'), 'pivot_root', dir);
  unmount('.', { detach: true }); // the old root, which now lies on the new one
  process.chdir('/');
}
