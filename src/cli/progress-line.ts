import type { ImageProgress } from '../domain/image-catalog.ts';
import { formatBytes } from '../lib/units.ts';

/** Until then nothing is worth a word. */
const quietMs = 1000;

/** Faster than that nobody reads. */
const writeEveryMs = 100;

/** One line on the terminal that is written over while something takes long; nothing where there is none. */
export class ProgressLine implements Disposable {
  readonly #startedMs = performance.now();
  readonly #timer: NodeJS.Timeout;
  #text: string;
  #writtenMs = 0;

  /** `text`: what is being done, until `show` says more. */
  constructor(text = '') {
    this.#text = text;
    this.#timer = setInterval(() => this.#write(), quietMs).unref();
  }

  show(text: string): void {
    this.#text = text;
    this.#write();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    if (this.#writtenMs > 0) process.stderr.write('\r\u001b[K');
  }

  #write(): void {
    const nowMs = performance.now();
    const tookMs = nowMs - this.#startedMs;
    if (!process.stderr.isTTY || tookMs < quietMs || this.#text === '') return;
    if (nowMs - this.#writtenMs < writeEveryMs) return;
    this.#writtenMs = nowMs;
    process.stderr.write(`\r\u001b[K${this.#text}, ${Math.floor(tookMs / 1000)} s`);
  }
}

/** How far all blobs of an image are that were heard of. */
export class BlobBars {
  readonly #blobs = new Map<string, ImageProgress>();

  with(progress: ImageProgress): string {
    this.#blobs.set(progress.digest, progress);
    const all = [...this.#blobs.values()];
    const done = all.reduce((sum, { doneBytes }) => sum + doneBytes, 0);
    const total = all.reduce((sum, { totalBytes }) => sum + totalBytes, 0);
    const whole = all.filter(({ doneBytes, totalBytes }) => doneBytes === totalBytes).length;
    return `${bar(done, total)}, ${whole} of ${all.length} blobs`;
  }
}

/** `█████░░░░░ 12 MiB of 24 MiB`. */
export function bar(doneBytes: number, totalBytes: number): string {
  const share = totalBytes === 0 ? 1 : doneBytes / totalBytes;
  const blocks = '█'.repeat(Math.floor(share * 20)).padEnd(20, '░');
  return `${blocks} ${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`;
}
