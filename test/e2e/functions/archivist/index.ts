import { createHash } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs';
import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

interface Wish {
  readonly act: string;
  readonly path: string;
  readonly text?: string;
  readonly ms?: number;
}

const acts: Readonly<Record<string, (wish: Wish) => unknown>> = {
  read: ({ path }) => readFile(path, 'utf8'),
  write: ({ path, text = '' }) => writeFile(path, text).then(() => 'written'),
  append: ({ path, text = '' }) => appendFile(path, text).then(() => 'appended'),
  remove: ({ path }) => rm(path, { recursive: true }).then(() => 'removed'),
  owner: ({ path }) => statSync(path).uid,
  room: ({ path }) => statfsSync(path).blocks * statfsSync(path).bsize,
  mounts: () => readFileSync('/proc/self/mounts', 'utf8'),
  hold: ({ ms }) => delay(ms).then(() => 'held'),

  /** Until nothing more fits. Gives the error's code and how much it was. */
  fill: ({ path }) => {
    const file = openSync(path, 'w');
    const piece = Buffer.alloc(1 << 20, 'fill');
    for (let bytes = 0; ; bytes += piece.length) {
      try {
        writeSync(file, piece);
      } catch (error) {
        closeSync(file);
        return { code: (error as NodeJS.ErrnoException).code, bytes };
      }
    }
  },

  /** Records that are safe on the disk before the next begins; never ends by itself. */
  record: ({ path }) => {
    const file = openSync(path, 'a');
    for (let number = 0; ; number += 1) {
      const text = String(number).padStart(8, '0');
      writeSync(file, `${text} ${createHash('sha256').update(text).digest('hex')}\n`);
      fsyncSync(file);
    }
  },
};

export const handler = async (wish: Wish): Promise<unknown> => await acts[wish.act]?.(wish);
