import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * Writes a small file whole or not at all, in a folder that is made if need be; it survives a power
 * cut. Until then it has a hidden name, one that begins with a dot.
 */
export async function writeFileDurably(path: string, content: string | Uint8Array): Promise<void> {
  const dir = dirname(path);
  const whole = join(dir, `.${randomUUID()}`);
  await mkdir(dir, { recursive: true });
  try {
    await writeFile(whole, content, { flag: 'wx', flush: true });
    await rename(whole, path);
  } catch (error) {
    await rm(whole, { force: true });
    throw error;
  }
  await syncFolder(dir);
}

/** A rename survives a power cut once its folder was written. */
export async function syncFolder(dir: string): Promise<void> {
  const folder = await open(dir, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Its content is on the disk when this resolves. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** What a read of something that may be missing gives. @throws any error but `ENOENT`. */
export async function ifThere<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes all of it: one call may write less. */
export async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let written = 0; written < chunk.length;) {
    written += (await file.write(chunk, written)).bytesWritten;
  }
}
