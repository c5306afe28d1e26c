import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import type { NodeId } from '../domain/ids.ts';

/** The name of the node that a data folder belongs to; chosen once, kept in the folder. */
export async function ensureNodeId(file: string): Promise<NodeId> {
  try {
    await writeFile(file, `node-${randomBytes(6).toString('hex')}\n`, { flag: 'wx', flush: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return (await readFile(file, 'utf8')).trim();
}
