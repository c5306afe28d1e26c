import { closeSync, constants, fstatSync, openSync, readdirSync, readlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { calls, check } from './libc.ts';

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;

/** By magic number: how many inodes an empty one uses, and which is its root, where that is fixed. */
const kinds: ReadonlyMap<bigint, { readonly inodes: bigint; readonly root?: number }> = new Map([
  [0x01021994n, { inodes: 1n }], // tmpfs
  [0xef53n, { inodes: 10n, root: 2 }], // ext4 without lost+found: those that it keeps for itself
]);

/** struct statfs of 64-bit Linux: 120 bytes, these fields of 8 bytes each at these places. */
const statfsBytes = 120;
const field = { type: 0, inodes: 40, freeInodes: 48 } as const;
const statfs = Buffer.alloc(statfsBytes); // shared: it is used and read within one call

/**
 * A file system that only one sandbox has, in memory or on disk, as the host sees it: held by a
 * descriptor of its root. Dispose it, or the file system stays.
 */
export class ScratchVolume implements Disposable {
  readonly #fd: number;
  #isOpen = true;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /**
   * The one that a process in another mount namespace has at `path`; undefined where it has none
   * there, or has ended. @throws when the process is in our own mount namespace: whatever it has
   * there is not a sandbox's.
   */
  static of(processId: number, path: string): ScratchVolume | undefined {
    if (mountNamespace(processId) === mountNamespace('self')) {
      throw new TypeError(`process ${processId} is in the mount namespace of the host`);
    }
    const fd = openSync(`/proc/${processId}/root${path}`, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    const volume = new ScratchVolume(fd);
    const kind = volume.#kind;
    // The root, and not a folder of a larger one, which would be the host's.
    if (kind && (kind.root ?? fstatSync(fd).ino) === fstatSync(fd).ino) return volume;
    volume[Symbol.dispose]();
    return undefined;
  }

  /** Costs 1 µs. All that can be in it has an inode, also what is open and has no name any more. */
  get isEmpty(): boolean {
    if (!this.#isOpen) return true;
    const { inodes, freeInodes } = this.#read();
    return inodes - freeInodes <= (this.#kind?.inodes ?? 0n);
  }

  /**
   * Removes all that is in it. Only while nothing that can write to it runs: a path that changes
   * meanwhile could lead out of it. What is open stays, until it is closed.
   */
  async empty(): Promise<void> {
    const root = `/proc/self/fd/${this.#fd}`;
    await Promise.all(
      readdirSync(root).map((name) => rm(join(root, name), { recursive: true, force: true })),
    );
  }

  [Symbol.dispose](): void {
    if (this.#isOpen) closeSync(this.#fd);
    this.#isOpen = false;
  }

  get #kind() {
    return kinds.get(this.#read().type);
  }

  #read() {
    check(calls.fstatfs(this.#fd, statfs), 'fstatfs', String(this.#fd));
    const read = (offset: number) => statfs.readBigUInt64LE(offset);
    return {
      type: read(field.type),
      inodes: read(field.inodes),
      freeInodes: read(field.freeInodes),
    };
  }
}

function mountNamespace(processId: number | 'self'): string {
  return readlinkSync(`/proc/${processId}/ns/mnt`);
}
