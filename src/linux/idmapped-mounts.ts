import { closeSync } from 'node:fs';
import { calls, check, LinuxError } from './libc.ts';

const currentFolder = -100; // AT_FDCWD
const emptyPath = 0x1000; // AT_EMPTY_PATH
const clone = 0x80001; // OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC
const moveEmptyPath = 0x4; // MOVE_MOUNT_F_EMPTY_PATH

/** Of mount_setattr(2). */
const attributes = { ro: 1, nosuid: 2, nodev: 4, noexec: 8, idmap: 0x00100000 } as const;

export interface IdmappedMount {
  readonly source: string;
  readonly target: string;
  readonly flags: readonly Exclude<keyof typeof attributes, 'idmap'>[];
  /** Ids on disk are those inside this user namespace. */
  readonly userNamespaceFd: number;
}

/**
 * A folder seen at a second place with other owners: who is 1000 on disk is, there, whom the user
 * namespace calls 1000. Needs Linux 5.12 and a file system that takes part. Gives `false`, with the
 * folder mounted and its owners unchanged, where that does not (NFS). @throws LinuxError.
 */
export function mountIdmapped({ source, target, flags, userNamespaceFd }: IdmappedMount): boolean {
  const tree = check(calls.openTree(428n, currentFolder, source, clone), 'open_tree', source);
  try {
    const plain = flags.reduce((sum, flag) => sum | attributes[flag], 0);
    const isMapped = setAttributes(tree, plain | attributes.idmap, userNamespaceFd);
    if (!isMapped) setAttributes(tree, plain, 0);
    check(
      calls.moveMount(429n, tree, '', currentFolder, target, moveEmptyPath),
      'move_mount',
      `${source}, ${target}`,
    );
    return isMapped;
  } finally {
    closeSync(tree);
  }
}

/** False where the file system does not take part. @throws LinuxError. */
function setAttributes(tree: number, set: number, userNamespaceFd: number): boolean {
  const attr = Buffer.alloc(32); // attr_set, attr_clr, propagation, userns_fd; 64 bits each
  attr.writeBigUInt64LE(BigInt(set), 0);
  attr.writeBigUInt64LE(BigInt(userNamespaceFd), 24);
  try {
    check(calls.mountSetattr(442n, tree, '', emptyPath, attr, attr.length), 'mount_setattr', '');
    return true;
  } catch (error) {
    if (error instanceof LinuxError && error.code === 'EINVAL' && set & attributes.idmap) {
      return false;
    }
    throw error;
  }
}
