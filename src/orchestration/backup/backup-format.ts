import type { FunctionRecord } from '../../domain/function.ts';
import type { Digest } from '../../domain/ids.ts';
import type { KeyRecord } from '../../domain/key.ts';
import type { NetworkRecord } from '../../domain/private-network.ts';
import type { SecretRecord } from '../../domain/secret.ts';
import type { StackRecord } from '../../domain/stack.ts';

/** Of the archive. Another number when an older Hearth could not restore it. */
export const backupFormat = 1;

/** The first entry, and the one before the last: what comes between are blobs. */
export const headName = 'hearth-backup.json';
export const definitionsName = 'definitions.json';
/** The last entry: SHA-256 of each of those before. Without it the archive is not whole. */
export const checksumsName = 'checksums.json';

export interface BackupHead {
  readonly format: number;
  /** ISO 8601. */
  readonly createdAt: string;
}

/** All that is not a blob. */
export interface Definitions {
  readonly functions: readonly FunctionRecord[];
  readonly secrets: readonly SecretRecord[];
  readonly keys: readonly KeyRecord[];
  readonly networks: readonly NetworkRecord[];
  readonly stacks: readonly StackRecord[];
  readonly pausedSchedules: readonly { readonly functionName: string; readonly name: string }[];
}

export const blobName = (digest: Digest): string => digest.replace(':', '/').replace(/^/, 'blobs/');

export function blobDigest(entryName: string): Digest | undefined {
  const hex = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(entryName)?.[1];
  return hex === undefined ? undefined : `sha256:${hex}`;
}

/** Definitions of thousands of functions; more is no backup of ours. */
export const definitionsLimitBytes = 1024 ** 3;
