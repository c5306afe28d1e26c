import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { ApiError, type ErrorBody } from './api-client.ts';

/** An answer that comes as lines of JSON, each as it comes. @throws ApiError when one says why not. */
export async function* jsonLines<T extends object>(response: Response): AsyncGenerator<T> {
  for await (const line of createInterface(Readable.fromWeb(response.body as never))) {
    const told = JSON.parse(line) as Awaited<T> & { readonly error?: ErrorBody };
    if (told.error) throw new ApiError(response.status, told.error);
    yield told;
  }
}

/** An answer in lines that ended before its last. */
export function cutAnswer(what: string): ApiError {
  const message = `The host ended the ${what} without a word; its log may have the reason.`;
  return new ApiError(500, { code: 'internal', reason: 'cli.cut', message });
}
