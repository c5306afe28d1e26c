import { mkdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { HostError } from '../domain/errors.ts';
import type { Logger } from '../domain/logger.ts';
import type { RecordStore } from '../domain/record-store.ts';
import {
  missingVolume,
  type SandboxVolumes,
  type VolumeLender,
  type VolumeMount,
  type VolumeRecord,
  type VolumeUser,
} from '../domain/volume.ts';
import { mountIdmapped, openUserNamespace, unmount } from '../linux/index.ts';
import { volumeMounts, type VolumeView } from './mount-plan.ts';
import type { MountedVolumes } from './mounted-volumes.ts';
import type { VolumeLease, VolumeLeases } from './volume-leases.ts';

export interface SandboxVolumeLenderOptions {
  readonly records: Pick<RecordStore<VolumeRecord>, 'get'>;
  readonly leases: Pick<VolumeLeases, 'acquire'>;
  readonly mounted: MountedVolumes;
  /** Where each sandbox's own view of its volumes is mounted. */
  readonly dir: string;
  /** The function's user, as it is on the disk, whoever runs it in a sandbox. */
  readonly uid: number;
  readonly logger: Logger;
}

/** How long a sandbox that is being made waits for a volume that another has for itself. */
const waitMs = 10_000;

/** Signals of their own for each sandbox: who listens to one that all share is kept with it for ever. */
export function noVolumes(): SandboxVolumes {
  return {
    mounts: [],
    wanted: new AbortController().signal,
    lost: new AbortController().signal,
    [Symbol.asyncDispose]: async () => {},
  };
}

/**
 * Gives each sandbox a view of its volumes in which the ids on disk are the ids inside it, and the
 * function's user on disk is whoever runs in it, as images choose that: all sandboxes, whichever
 * range of the host's ids they have, read and write as the same user. It is an idmapped mount, made
 * here, so that it does not depend on what the OCI runtime can do.
 */
export class SandboxVolumeLender implements VolumeLender {
  readonly #options: SandboxVolumeLenderOptions;

  constructor(options: SandboxVolumeLenderOptions) {
    this.#options = options;
  }

  async lend(
    volumes: readonly VolumeMount[],
    sandbox: VolumeUser,
    signal: AbortSignal,
  ): Promise<SandboxVolumes> {
    if (volumes.length === 0) return noVolumes();
    await using stack = new AsyncDisposableStack();
    const { uid } = this.#options;
    const swapped = { uids: [uid, sandbox.uid], gids: [uid, sandbox.gid] } as const;
    using userNamespace = await openUserNamespace({ ...sandbox.ids, swapped });
    const dir = join(this.#options.dir, sandbox.id);
    await mkdir(dir, { mode: 0o711 });
    stack.defer(() => rmdir(dir));
    const views: VolumeView[] = [];
    const leases: VolumeLease[] = [];
    // In one order for all, so that two who want the same two do not each have one of them.
    for (const volume of volumes.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const record = this.#find(volume.name);
      leases.push(stack.use(await this.#acquire(volume, sandbox.id, signal)));
      const { root } = stack.use(await this.#options.mounted.use(record));
      const source = join(dir, volume.name);
      const { readOnly, mount } = volume;
      const view: VolumeView = { mount, source, readOnly, noexec: record.noexec };
      stack.use(await this.#show(root, view, userNamespace.fd));
      views.push(view);
    }
    const held = stack.move();
    return {
      mounts: volumeMounts(views),
      wanted: AbortSignal.any(leases.map((lease) => lease.wanted)),
      lost: AbortSignal.any(leases.map((lease) => lease.lost)),
      [Symbol.asyncDispose]: () => held.disposeAsync(),
    };
  }

  #find(name: string): VolumeRecord {
    const record = this.#options.records.get(name);
    if (record) return record;
    const again = { retryAfterMs: 5_000 };
    throw new HostError('unavailable', 'volume.not_found', missingVolume(name), again);
  }

  async #acquire(volume: VolumeMount, holder: string, signal: AbortSignal): Promise<VolumeLease> {
    const mode = volume.readOnly ? 'read' : volume.access;
    try {
      const wish = { volume: volume.name, mode, holder, waitMs } as const;
      return await this.#options.leases.acquire(wish, signal);
    } catch (error) {
      if (!(error instanceof HostError && error.code === 'conflict')) throw error;
      const { reason, message, details } = error;
      throw new HostError('unavailable', reason, message, { details, retryAfterMs: 1_000 });
    }
  }

  async #show(root: string, view: VolumeView, userNamespaceFd: number): Promise<AsyncDisposable> {
    const { source: target, readOnly, noexec } = view;
    await mkdir(target, { mode: 0o711 });
    const flags = ['nosuid', 'nodev'] as ('nosuid' | 'nodev' | 'ro' | 'noexec')[];
    if (readOnly) flags.push('ro');
    if (noexec) flags.push('noexec');
    const isMapped = mountIdmapped({ source: root, target, flags, userNamespaceFd });
    if (!isMapped) {
      const hint = 'Its file system cannot map ids: only files that anyone may write are writable.';
      this.#options.logger.warn({ root }, hint);
    }
    return {
      [Symbol.asyncDispose]: async () => {
        unmount(target, { detach: true });
        await rmdir(target);
      },
    };
  }
}
