import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { HostError, type ErrorCode } from '../../domain/errors.ts';
import type { Digest } from '../../domain/ids.ts';
import { exitOf, spawnProcess } from '../../lib/exec.ts';
import type { LayerMarks } from './layer-folder.ts';

/** What the jail says at its end. */
export interface UnpackOutcome {
  readonly marks?: LayerMarks;
  readonly error?: {
    readonly code: ErrorCode;
    readonly reason: string;
    readonly message: string;
    readonly cause: string;
  };
}

export interface LayerBlob {
  readonly path: string;
  readonly mediaType: string;
  readonly diffId: Digest;
}

/** The largest layer on a slow disk; past it something is broken. */
const limitMs = 10 * 60_000;

const program = fileURLToPath(new URL('jailed-unpack.ts', import.meta.url));

/** User: no right over anything of the host. The others: nothing to reach it by. */
const namespaces = ['--user', '--map-root-user', '--mount', '--net', '--ipc', '--uts'];

/**
 * Unpacks a layer into an empty folder in a process of its own, in namespaces of its own, that sees
 * nothing but this folder: whatever an archive makes the unpacker do, it does there.
 * @throws HostError as unpackLayer does; `internal` when the process fails.
 */
export async function unpackInJail(blob: LayerBlob, dir: string): Promise<LayerMarks> {
  const node = [process.execPath, '--max-old-space-size=256', '--no-warnings', program];
  const args = [...namespaces, '--', ...node, dir, blob.mediaType, blob.diffId];
  await using file = await open(blob.path, 'r');
  const child = spawnProcess('/usr/bin/unshare', args, { stdio: [file.fd, 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
  try {
    const [output, complaint, exit] = await Promise.all([
      text(child.stdout ?? Readable.from([])),
      text(child.stderr ?? Readable.from([])),
      exitOf(child),
    ]);
    const { marks, error } = parse(output);
    if (marks) return marks;
    if (error) {
      throw new HostError(error.code, error.reason, error.message, { cause: error.cause });
    }
    throw new HostError(
      'internal',
      'image.jail_failed',
      `Unpacking ${blob.diffId} ended with ${exit}: ${complaint.trim().slice(-500)}`,
    );
  } finally {
    clearTimeout(timer);
  }
}

function parse(output: string): UnpackOutcome {
  try {
    return JSON.parse(output) as UnpackOutcome;
  } catch {
    return {}; // it was killed, or never began
  }
}
