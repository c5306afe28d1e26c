import type { ChildProcess } from 'node:child_process';
import { mkdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { IdRangeProvider } from '../domain/container.ts';
import { HostError } from '../domain/errors.ts';
import { exitOf, spawnProcess } from '../lib/exec.ts';
import { mountIdmapped, openUserNamespace, unmount } from '../linux/index.ts';

export interface VolumeArchiveOptions {
  readonly idRanges: IdRangeProvider;
  /** Where views of volumes are mounted meanwhile. */
  readonly dir: string;
  /** The function's user, as it is on the disk. */
  readonly uid: number;
}

/** A tar that works on one folder. */
interface JailedTar extends AsyncDisposable {
  readonly child: ChildProcess;
  /** Why it failed, once it has ended. */
  readonly failure: Promise<HostError | undefined>;
}

/** Of what tar complains about. */
const lastWordsLimit = 500;

/**
 * Tars of volumes. A tar from elsewhere and a volume that a function wrote are hostile, so tar runs
 * in a user namespace of its own, with a view of the volume in which the namespace's ids are those
 * on disk: whatever it were led to, it is nobody outside the volume.
 */
export class VolumeArchive {
  readonly #options: VolumeArchiveOptions;

  constructor(options: VolumeArchiveOptions) {
    this.#options = options;
  }

  /** Fills a folder; all in it is the function's user's. @throws HostError `invalid`. */
  async unpack(volume: string, root: string, tar: Readable): Promise<void> {
    const how = ['--extract', '--preserve-permissions', '--no-same-owner', '--file=-'];
    await using jailed = await this.#start(`${volume}.import`, root, this.#options.uid, how);
    const sent = pipeline(tar, jailed.child.stdin!).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error; // tar has ended before; it says why
    });
    const [failure] = await Promise.all([jailed.failure, sent]);
    if (failure) throw failure;
  }

  /** A tar of all in a folder. `onEnd` runs when it has been read, or is not read any more. */
  async pack(volume: string, root: string, onEnd: () => Promise<void>): Promise<Readable> {
    const how = ['--create', '--sparse', '--numeric-owner', '--file=-', '.'];
    const jailed = await this.#start(`${volume}.export`, root, 0, how);
    const stream = jailed.child.stdout!;
    jailed.child.stdin?.end();
    stream.once('close', () => jailed.child.kill('SIGKILL'));
    void jailed.failure.then(async (failure) => {
      if (failure) stream.destroy(failure);
      await jailed[Symbol.asyncDispose]();
      await onEnd();
    });
    return stream;
  }

  async #start(
    view: string,
    root: string,
    uid: number,
    args: readonly string[],
  ): Promise<JailedTar> {
    await using stack = new AsyncDisposableStack();
    const ids = stack.use(this.#options.idRanges.lease());
    using userNamespace = await openUserNamespace(ids);
    const target = join(this.#options.dir, view);
    await mkdir(target, { mode: 0o711 });
    stack.defer(() => rmdir(target));
    const flags = ['nosuid', 'nodev', 'noexec'] as const;
    mountIdmapped({ source: root, target, flags, userNamespaceFd: userNamespace.fd });
    stack.defer(() => unmount(target, { detach: true }));
    const enter = ['--user=/proc/self/fd/3', `--setuid=${uid}`, `--setgid=${uid}`, '--'];
    const child = spawnProcess('nsenter', [...enter, 'tar', `--directory=${target}`, ...args], {
      stdio: ['pipe', 'pipe', 'pipe', userNamespace.fd],
    });
    const failure = failureOf(child);
    stack.defer(async () => {
      child.kill('SIGKILL');
      await failure;
    });
    const held = stack.move();
    return { child, failure, [Symbol.asyncDispose]: () => held.disposeAsync() };
  }
}

async function failureOf(child: ChildProcess): Promise<HostError | undefined> {
  let words = '';
  child.stderr?.on('data', (piece: Buffer) => {
    words = `${words}${piece.toString()}`.slice(0, lastWordsLimit);
  });
  child.stdin?.on('error', () => {}); // a tar that does not read on says so by its exit
  const status = await exitOf(child).catch((error: unknown) => String(error));
  if (status === 0) return undefined;
  const said = words.trim().replaceAll('\n', ' | ') || 'it said nothing';
  return new HostError('invalid', 'volume.bad_tar', `tar ended with ${status}: ${said}`);
}
