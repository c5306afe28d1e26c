import { unmount } from './mounts.ts';
import type { CgroupLayout } from './cgroup-layout.ts';

/**
 * crun refuses hosts whose v2 hierarchy beside the v1 ones looks as if it had controllers. Takes
 * that mount out of sight of this process and its children; does nothing on other hosts. Only for
 * a process in a mount namespace of its own.
 */
export function hideUnifiedHierarchy(layout: CgroupLayout): void {
  if (layout.version === 1 && layout.unified !== undefined) {
    unmount(layout.unified, { detach: true });
  }
}
