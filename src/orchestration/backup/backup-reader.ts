import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { BlobArchive } from '../../domain/backup.ts';
import { HostError } from '../../domain/errors.ts';
import { readTar, type TarEntry } from '../../lib/tar-entries.ts';
import {
  backupFormat,
  blobDigest,
  checksumsName,
  definitionsLimitBytes,
  definitionsName,
  headName,
  type BackupHead,
  type Definitions,
} from './backup-format.ts';

export interface ReadBackup {
  readonly definitions: Definitions;
  readonly blobs: number;
}

/**
 * Stores the blobs as they come, each checked against its digest, and gives the definitions once
 * all checksums have been compared. @throws HostError `invalid`.
 */
export async function readBackup(archive: Readable, images: BlobArchive): Promise<ReadBackup> {
  const { sink, entries } = readTar();
  const feeding = pipeline(archive, sink);
  try {
    const read = await readEntries(entries, images);
    await feeding;
    return read;
  } catch (error) {
    sink.destroy();
    await feeding.catch(() => {});
    throw error instanceof HostError ? error : broken('it cannot be read as a tar', error);
  }
}

async function readEntries(
  entries: AsyncIterable<TarEntry>,
  images: BlobArchive,
): Promise<ReadBackup> {
  const sums = new Map<string, string>();
  let definitions: Definitions | undefined;
  let checksums: Record<string, string> | undefined;
  let blobs = 0;
  for await (const entry of entries) {
    const { name, size } = entry.header;
    if (sums.size === 0 && name !== headName) throw broken(`it does not begin with ${headName}`);
    const digest = blobDigest(name);
    if (digest !== undefined) {
      await images.put(entry, { digest, sizeBytes: size }); // checks what it says it is
      sums.set(name, digest.slice('sha256:'.length));
      blobs += 1;
      continue;
    }
    const text = await wholeText(entry, size);
    if (name === checksumsName) {
      checksums = JSON.parse(text.toString()) as Record<string, string>;
      continue;
    }
    sums.set(name, createHash('sha256').update(text).digest('hex'));
    const value: unknown = JSON.parse(text.toString());
    if (name === headName) checkFormat(value as BackupHead);
    else if (name === definitionsName) definitions = value as Definitions;
    else throw broken(`it has "${name.slice(0, 100)}", which is no part of a backup`);
  }
  if (!checksums || !definitions) throw broken('its end is missing');
  for (const name of new Set([...sums.keys(), ...Object.keys(checksums)])) {
    if (sums.get(name) !== checksums[name]) throw broken(`"${name}" is not what was written`);
  }
  return { definitions, blobs };
}

async function wholeText(entry: TarEntry, size: number): Promise<Buffer> {
  if (size > definitionsLimitBytes) throw broken('an entry is too large');
  const chunks: Buffer[] = [];
  for await (const chunk of entry) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function checkFormat({ format }: BackupHead): void {
  if (format === backupFormat) return;
  throw new HostError(
    'invalid',
    'backup.format',
    `The backup has format ${format}, and this Hearth reads ${backupFormat}: restore it with the Hearth that wrote it, then upgrade.`,
  );
}

const broken = (why: string, cause?: unknown): HostError =>
  new HostError('invalid', 'backup.broken', `This is not a whole backup: ${why}.`, { cause });
