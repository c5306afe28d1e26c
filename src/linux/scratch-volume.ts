import { closeSync, constants, openSync, readdirSync, readlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { calls, check } from './libc.ts';

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
const tmpfsMagic = 0x01021994n;

/** struct statfs of 64-bit Linux: 120 bytes, these fields of 8 bytes each at these places. */
const statfsBytes = 120;
const field = { type: 0, blocks: 16, freeBlocks: 24, inodes: 40, freeInodes: 48 } as const;
const statfs = Buffer.alloc(statfsBytes); // shared: it is used and read within one call

/**
 * A file system in memory that only one sandbox has, as the host sees it: held by a descriptor of
 * its root. Dispose it, or the file system stays.
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
    if (volume.#read().type === tmpfsMagic) return volume;
    volume[Symbol.dispose]();
    return undefined;
  }

  /** Costs 1 µs. The root itself is one inode, without blocks. */
  get isEmpty(): boolean {
    if (!this.#isOpen) return true;
    const { blocks, freeBlocks, inodes, freeInodes } = this.#read();
    return blocks === freeBlocks && inodes - freeInodes <= 1n;
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

  #read() {
    check(calls.fstatfs(this.#fd, statfs), 'fstatfs', String(this.#fd));
    const read = (offset: number) => statfs.readBigUInt64LE(offset);
    return {
      type: read(field.type),
      blocks: read(field.blocks),
      freeBlocks: read(field.freeBlocks),
      inodes: read(field.inodes),
      freeInodes: read(field.freeInodes),
    };
  }
}

function mountNamespace(processId: number | 'self'): string {
  return readlinkSync(`/proc/${processId}/ns/mnt`);
}
