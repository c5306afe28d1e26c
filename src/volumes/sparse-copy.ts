import { randomUUID } from 'node:crypto';
import { rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { OnCopyProgress } from '../domain/volume.ts';
import { exec } from '../lib/exec.ts';
import { Repeating } from '../lib/repeating.ts';

/** Begins the name of what is being made; what an interrupted call left is removed at the start. */
export const unfinished = '.new-';

/** Copying and checking a large file system takes its time; past it something is broken. */
export const copyLimitMs = 60 * 60_000;

const progressEveryMs = 500;

export interface SparseCopyOptions {
  /** A file system that is in use and stands still meanwhile. */
  readonly frozen?: string | undefined;
  readonly onProgress?: OnCopyProgress | undefined;
}

/**
 * A copy that takes no more room than there is data, whole or not there at all. What is frozen for
 * it is thawed by the process that froze it, so that it is thawed even if this one is killed.
 */
export async function copySparse(
  source: string,
  target: string,
  { frozen = '', onProgress = () => {} }: SparseCopyOptions = {},
): Promise<void> {
  const draft = join(target, '..', `${unfinished}${randomUUID()}`);
  const copy = `cp --sparse=always --reflink=auto -- "$1" "$2" && sync -- "$2"`;
  const script = `if [ -n "$3" ]; then fsfreeze -f "$3" || exit; trap 'fsfreeze -u "$3"' EXIT; fi; ${copy}`;
  const totalBytes = await diskBytes(source);
  const telling = new Repeating(progressEveryMs, async () => {
    const doneBytes = await diskBytes(draft).catch(() => 0); // it is not there yet
    onProgress({ doneBytes: Math.min(doneBytes, totalBytes), totalBytes });
  });
  telling.start();
  try {
    const args = ['-c', script, 'sh', source, draft, frozen];
    await exec('sh', args, { timeoutMs: copyLimitMs });
    await rename(draft, target);
    onProgress({ doneBytes: totalBytes, totalBytes });
  } finally {
    await telling.stop();
    await rm(draft, { force: true });
  }
}

/** What a sparse file takes. */
export async function diskBytes(file: string): Promise<number> {
  return (await stat(file)).blocks * 512;
}
