import { open, type FileHandle } from 'node:fs/promises';

/** Undefined when there is no such file: the writer removes old segments while others read. */
export async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
