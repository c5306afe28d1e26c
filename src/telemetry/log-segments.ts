import { appendFile, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** At this size a segment is closed and the next is begun. */
const segmentBytes = 8 * 1024 * 1024;

/** The one that is written and the one before it: 8 to 16 MiB of output are kept. */
const defaultSegmentsKept = 2;

const segmentPattern = /^(\d+)\.ndjson$/;

/** The numbers of a folder's segments, newest first; none when there is no folder. */
export async function segmentNumbers(folder: string): Promise<number[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return names
    .flatMap((name) => segmentPattern.exec(name)?.[1] ?? [])
    .map(Number)
    .toSorted((a, b) => b - a);
}

export const segmentPath = (folder: string, number: number): string =>
  join(folder, `${number}.ndjson`);

/** In bytes; 0 when there is none. */
export async function segmentSize(folder: string, number: number): Promise<number> {
  try {
    return (await stat(segmentPath(folder, number))).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}

/**
 * Appends to one folder's newest segment. One writer a folder. It keeps no file open, so that
 * another process may remove the folder; it is made anew for the next line.
 */
export class SegmentWriter {
  readonly #folder: string;
  readonly #segmentBytes: number;
  readonly #segmentsKept: number;
  /** Undefined: not looked yet. */
  #newest: { number: number; bytes: number } | undefined;

  constructor(folder: string, limitBytes = segmentBytes, segmentsKept = defaultSegmentsKept) {
    this.#folder = folder;
    this.#segmentBytes = limitBytes;
    this.#segmentsKept = segmentsKept;
  }

  /** Not to be called again before it settled. */
  async append(lines: string): Promise<void> {
    try {
      await this.#appendToNewest(Buffer.from(lines));
    } catch (error) {
      this.#newest = undefined; // look again: what was known may be what was wrong
      throw error;
    }
  }

  async #appendToNewest(bytes: Buffer): Promise<void> {
    const newest = (this.#newest ??= await this.#look());
    if (newest.bytes >= this.#segmentBytes) {
      newest.number += 1;
      newest.bytes = 0;
      await this.#removeOld(newest.number);
    }
    const path = segmentPath(this.#folder, newest.number);
    await appendFile(path, bytes).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      await mkdir(this.#folder, { recursive: true });
      await appendFile(path, bytes);
    });
    newest.bytes += bytes.length;
  }

  async #look(): Promise<{ number: number; bytes: number }> {
    const [number] = await segmentNumbers(this.#folder);
    if (number === undefined) return { number: 0, bytes: 0 };
    return { number, bytes: await segmentSize(this.#folder, number) };
  }

  async #removeOld(newest: number): Promise<void> {
    const numbers = await segmentNumbers(this.#folder);
    const old = numbers.filter((number) => number <= newest - this.#segmentsKept);
    await Promise.all(old.map((number) => rm(segmentPath(this.#folder, number), { force: true })));
  }
}
