import type { ImageProgress } from '../domain/image-catalog.ts';
import type { CommandContext } from './context.ts';
import { jsonBody } from './json-body.ts';
import { cutAnswer, jsonLines } from './json-lines.ts';
import { BlobBars, ProgressLine } from './progress-line.ts';

/** One line of the answer of a pull or a push. */
interface TransferLine {
  readonly progress?: ImageProgress;
  readonly digest?: string;
}

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
  using line = new ProgressLine();
  const blobs = new BlobBars();
  for await (const { progress, digest } of jsonLines<TransferLine>(response)) {
    if (progress) line.show(blobs.with(progress));
    if (digest !== undefined) return digest;
  }
  throw cutAnswer('transfer');
}
