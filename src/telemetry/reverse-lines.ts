import type { FileHandle } from 'node:fs/promises';

const chunkBytes = 128 * 1024;
const newline = 0x0a;

/**
 * The complete lines of a file before a place, by default its end, last first, read as far as they
 * are asked for. What follows the last newline is left out: someone may be writing it now.
 */
export async function* reverseLines(file: FileHandle, before?: number): AsyncGenerator<string> {
  let position = before ?? (await file.stat()).size;
  let rest = Buffer.alloc(0); // the beginning of a line whose end has been given out already
  let sawNewline = false;
  while (position > 0) {
    const length = Math.min(chunkBytes, position);
    position -= length;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
    const text = Buffer.concat([buffer.subarray(0, bytesRead), rest]);
    let end = text.length;
    for (;;) {
      const start = end > 0 ? text.lastIndexOf(newline, end - 1) : -1;
      if (start === -1) break;
      if (sawNewline) yield text.toString('utf8', start + 1, end);
      sawNewline = true;
      end = start;
    }
    rest = text.subarray(0, end);
  }
  if (sawNewline) yield rest.toString();
}
