import { formatBytes } from '../lib/units.ts';
import { ApiError } from './api-client.ts';
import type { CommandContext } from './context.ts';
import { jsonBody } from './json-body.ts';
import { jsonLines } from './json-lines.ts';

/** One line of the answer of a pull or a push. */
interface TransferLine {
  readonly progress?: {
    readonly digest: string;
    readonly doneBytes: number;
    readonly totalBytes: number;
  };
  readonly digest?: string;
}

/** Until then a transfer is not worth a word. */
const quietMs = 1000;

/**
 * Asks the host for a transfer and tells on a terminal how far it is, once it takes over a second.
 * Gives the image's digest. @throws ApiError with the host's reason.
 */
export async function followTransfer(
  { client }: CommandContext,
  path: string,
  body: object,
): Promise<string> {
  const response = await client.request(path, jsonBody(body));
  const bar = new ProgressLine();
  try {
    for await (const { progress, digest } of jsonLines<TransferLine>(response)) {
      if (progress) bar.show(progress);
      if (digest !== undefined) return digest;
    }
  } finally {
    bar.end();
  }
  const message = 'The host ended the transfer without a word; its log may have the reason.';
  throw new ApiError(500, { code: 'internal', reason: 'cli.cut', message });
}

/** One line on the terminal that is written over; nothing where there is none. */
class ProgressLine {
  readonly #blobs = new Map<string, NonNullable<TransferLine['progress']>>();
  readonly #startedMs = performance.now();
  #isShown = false;

  show(progress: NonNullable<TransferLine['progress']>): void {
    this.#blobs.set(progress.digest, progress);
    if (!process.stderr.isTTY || performance.now() - this.#startedMs < quietMs) return;
    const all = [...this.#blobs.values()];
    const done = all.reduce((sum, { doneBytes }) => sum + doneBytes, 0);
    const total = all.reduce((sum, { totalBytes }) => sum + totalBytes, 0);
    const whole = all.filter(({ doneBytes, totalBytes }) => doneBytes === totalBytes).length;
    const share = total === 0 ? 1 : done / total;
    const bar = '█'.repeat(Math.floor(share * 20)).padEnd(20, '░');
    const text = `${bar} ${formatBytes(done)} of ${formatBytes(total)}, ${whole} of ${all.length} blobs`;
    process.stderr.write(`\r\u001b[K${text}`);
    this.#isShown = true;
  }

  end(): void {
    if (this.#isShown) process.stderr.write('\r\u001b[K');
  }
}
