import { setTimeout as delay } from 'node:timers/promises';
import { segmentNumbers, segmentPath, segmentSize } from './log-segments.ts';
import { openIfThere } from './open-if-there.ts';

/**
 * POLICY: a look a quarter of a second. Being told by the kernel would need a watch that survives
 * the folder being removed and made again, for a reader who is a person.
 */
const lookIntervalMs = 250;

/** Longer than the longest line: 16 Ki characters, escaped. */
const chunkBytes = 256 * 1024;
const newline = 0x0a;

/** A place in a folder's segments, at the beginning of a line. */
export interface LogPosition {
  readonly segment: number;
  readonly offset: number;
}

/**
 * The complete lines that are appended to a folder's segments after a place, until the signal
 * aborts. A folder that is not there yet is waited for.
 */
export async function* followLines(
  folder: string,
  from: LogPosition,
  signal: AbortSignal,
): AsyncGenerator<string> {
  let position = from;
  while (!signal.aborted) {
    const { lines, next } = await readFrom(folder, position);
    yield* lines;
    if (next.segment === position.segment && next.offset === position.offset) {
      await delay(lookIntervalMs, undefined, { signal }).catch(() => {});
    }
    position = next;
  }
}

/** Where the next line will be. */
export async function endOfLog(folder: string): Promise<LogPosition> {
  const [segment = 0] = await segmentNumbers(folder);
  return { segment, offset: await segmentSize(folder, segment) };
}

async function readFrom(
  folder: string,
  position: LogPosition,
): Promise<{ readonly lines: readonly string[]; readonly next: LogPosition }> {
  const { segment, offset } = position;
  // Looked at before reading: then a line that ended this segment has been read when we move on.
  const [newest = segment] = await segmentNumbers(folder);
  const bytes = await readBytes(segmentPath(folder, segment), offset);
  const end = bytes.lastIndexOf(newline);
  if (end >= 0) {
    const lines = bytes.toString('utf8', 0, end).split('\n');
    return { lines, next: { segment, offset: offset + end + 1 } };
  }
  if (newest > segment) return { lines: [], next: { segment: segment + 1, offset: 0 } };
  // The function was removed, and has written again.
  if (newest < segment) return { lines: [], next: { segment: newest, offset: 0 } };
  return { lines: [], next: position };
}

async function readBytes(path: string, offset: number): Promise<Buffer> {
  const file = await openIfThere(path);
  if (!file) return Buffer.alloc(0);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(chunkBytes), 0, chunkBytes, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
