import { mkdirSync } from 'node:fs';
import { calls, check, LinuxError } from './libc.ts';

/** Flags of mount(2), by the names that mount(8) uses. */
const mountFlags = {
  ro: 1,
  nosuid: 2,
  nodev: 4,
  noexec: 8,
  remount: 32,
  bind: 4096,
  private: 1 << 18,
  shared: 1 << 20,
} as const;

export type MountFlag = keyof typeof mountFlags;

export interface MountOptions {
  readonly source: string;
  readonly target: string;
  readonly type: string;
  readonly flags?: readonly MountFlag[];
  /** What the file system itself understands, such as `mode=0711`. */
  readonly data?: string;
}

const detachFlag = 2; // MNT_DETACH

/** @throws LinuxError. */
export function mount({ source, target, type, flags = [], data = '' }: MountOptions): void {
  const bits = flags.reduce((sum, flag) => sum | mountFlags[flag], 0);
  check(calls.mount(source, target, type, bits, data), 'mount', `${source}, ${target}, ${type}`);
}

/**
 * `detach`: out of sight at once, gone when its last user is. Nothing happens where nothing is
 * mounted. @throws LinuxError.
 */
export function unmount(target: string, options: { readonly detach?: boolean } = {}): void {
  try {
    check(calls.umount2(target, options.detach ? detachFlag : 0), 'umount2', target);
  } catch (error) {
    const isThere = !(error instanceof LinuxError && ['EINVAL', 'ENOENT'].includes(error.code));
    if (isThere) throw error;
  }
}

/** A path seen at a second place, with the flags of the mount that it lies on. */
export function bindMount(source: string, target: string): void {
  mount({ source, target, type: '', flags: ['bind'] });
}

/** Makes a folder a mount of its own whose later mounts also appear in its copies. */
export function mountShared(dir: string): void {
  bindMount(dir, dir);
  mount({ source: '', target: dir, type: '', flags: ['shared'] });
}

/** What one page holds: the kernel takes no longer options. */
const optionsLimitBytes = 4095;

/**
 * The layers, topmost first, as one read-only tree. Overlayfs wants two layers or more; a single
 * one gets an empty one below, which is made beside the target.
 * INVARIANT: links between the layers are not followed and no layer is written to.
 */
export function mountOverlayReadOnly(layerDirs: readonly string[], target: string): void {
  const dirs = [...layerDirs];
  if (dirs.length === 1) {
    const empty = `${target}.empty`;
    mkdirSync(empty, { recursive: true });
    dirs.push(empty);
  }
  const lower = dirs.map(escapeOverlayPath).join(':');
  const data = `index=off,redirect_dir=nofollow,metacopy=off,lowerdir=${lower}`;
  if (Buffer.byteLength(data) > optionsLimitBytes) {
    throw new RangeError(
      `${dirs.length} layers are too many for one mount: their paths need ${data.length} bytes`,
    );
  }
  mount({ source: 'overlay', target, type: 'overlay', flags: ['ro', 'nosuid', 'nodev'], data });
}

function escapeOverlayPath(path: string): string {
  return path.replaceAll(/[\\:,]/g, String.raw`\$&`);
}

export interface MountInfo {
  readonly mountPoint: string;
  readonly type: string;
  /** Those of the file system; for a cgroup v1 hierarchy these name its controllers. */
  readonly superOptions: readonly string[];
}

/** The lines of /proc/PID/mountinfo. */
export function parseMountInfo(text: string): readonly MountInfo[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      // 36 35 98:0 /root /mount/point options optional* - type source superOptions
      const [left = '', right = ''] = line.split(' - ');
      const [type = '', , superOptions = ''] = right.split(' ');
      return {
        mountPoint: unescapeOctal(left.split(' ')[4] ?? ''),
        type,
        superOptions: superOptions.split(','),
      };
    });
}

function unescapeOctal(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
