import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Readable } from 'node:stream';
import { HostError } from '../domain/errors.ts';
import type { ApiClient } from './api-client.ts';
import { bar, type ProgressLine } from './progress-line.ts';

const archiveName = /\.(tar|tar\.gz|tgz)$/;

/**
 * The image of a function as the host can find it: one that is named as a file is sent there first,
 * and is its digest from then on.
 */
export async function imageOnHost(
  { client, line }: { readonly client: ApiClient; readonly line: ProgressLine },
  dir: string,
  image: string,
): Promise<string> {
  if (!archiveName.test(image)) return image;
  const file = resolve(dir, image);
  const { size } = await stat(file).catch((cause: unknown) => {
    throw new HostError('invalid', 'cli.no_archive', `${file}, named as the image, is not there.`, {
      cause,
    });
  });
  const chunks = watched(createReadStream(file), (bytes) => line.show(bar(bytes, size)));
  const body = Readable.toWeb(Readable.from(chunks)) as ReadableStream;
  const { digest } = await client.json<{ digest: string }>('/v1/image-archives', {
    method: 'POST',
    headers: { 'content-type': 'application/x-tar' },
    body,
    duplex: 'half',
  });
  return digest;
}

async function* watched(
  stream: Readable,
  tell: (sentBytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let sentBytes = 0;
  for await (const chunk of stream) {
    tell((sentBytes += (chunk as Uint8Array).length));
    yield chunk as Uint8Array;
  }
}
