import { createHash, type Hash } from 'node:crypto';
import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ArchivedBlob, BlobArchive } from '../../domain/backup.ts';
import { TarWriter } from '../../lib/tar-writer.ts';
import {
  backupFormat,
  blobName,
  checksumsName,
  definitionsName,
  headName,
  type BackupHead,
  type Definitions,
} from './backup-format.ts';

/** The archive as it is read; what fails breaks it off, so that nobody takes it for a whole one. */
export function writeBackup(definitions: Definitions, images: BlobArchive): Readable {
  const tar = new TarWriter();
  const output = new PassThrough();
  pipeline(tar.output, output).catch((error: unknown) => output.destroy(error as Error));
  writeEntries(tar, definitions, images)
    .then(() => tar.end())
    .catch((error: unknown) => tar.destroy(error as Error));
  return output;
}

async function writeEntries(tar: TarWriter, definitions: Definitions, images: BlobArchive) {
  const checksums: Record<string, string> = {};
  const head: BackupHead = { format: backupFormat, createdAt: new Date().toISOString() };
  checksums[headName] = await writeJson(tar, headName, head);
  for (const blob of await allBlobs(definitions, images)) {
    checksums[blobName(blob.digest)] = await writeBlob(tar, blob, images);
  }
  checksums[definitionsName] = await writeJson(tar, definitionsName, definitions);
  await writeJson(tar, checksumsName, checksums);
}

/** Of all versions, each once. */
async function allBlobs(
  { functions }: Definitions,
  images: BlobArchive,
): Promise<readonly ArchivedBlob[]> {
  const blobs = new Map<string, ArchivedBlob>();
  const versions = new Set(functions.flatMap(({ versions: all }) => all.map((one) => one.digest)));
  for (const version of versions) {
    for (const blob of await images.blobsOf(version)) blobs.set(blob.digest, blob);
  }
  return [...blobs.values()];
}

async function writeJson(tar: TarWriter, name: string, value: unknown): Promise<string> {
  const text = Buffer.from(JSON.stringify(value));
  await tar.addBytes(name, text);
  return createHash('sha256').update(text).digest('hex');
}

async function writeBlob(
  tar: TarWriter,
  { digest, sizeBytes }: ArchivedBlob,
  images: BlobArchive,
): Promise<string> {
  const hash = createHash('sha256');
  await tar.addStream(blobName(digest), sizeBytes, hashed(images.read(digest), hash));
  return hash.digest('hex');
}

async function* hashed(chunks: AsyncIterable<Buffer>, hash: Hash): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
}
