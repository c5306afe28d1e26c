import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Service } from '../domain/service.ts';
import { mount, unmount } from '../linux/index.ts';

/**
 * The folder under which a worker keeps what its sandboxes need while they live: root mounts,
 * bundles, code of stems, network namespaces. A file system in memory of the worker's own mount namespace: other
 * workers on the machine have another one at the same place, the host sees an empty folder, and
 * the kernel removes it with the worker, however that ends. All of it can be passed through by
 * the mapped ids (0711); what is in it is protected by its own modes.
 */
export class Workspace implements Service {
  readonly name = 'workspace';
  readonly rootsDir: string;
  readonly bundlesDir: string;
  readonly tasksDir: string;
  readonly namespacesDir: string;
  readonly volumesDir: string;
  readonly addressesDir: string;
  /** Never swapped out, unlike the rest. */
  readonly secretsDir: string;
  readonly #dir: string;
  #mounted = false;

  constructor(dir: string) {
    this.#dir = dir;
    this.rootsDir = join(dir, 'roots');
    this.bundlesDir = join(dir, 'bundles');
    this.tasksDir = join(dir, 'tasks');
    this.namespacesDir = join(dir, 'netns');
    this.volumesDir = join(dir, 'volumes');
    this.addressesDir = join(dir, 'addresses');
    this.secretsDir = join(dir, 'secrets');
  }

  async start(): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o711 });
    mount({ source: 'tmpfs', target: this.#dir, type: 'tmpfs', data: 'mode=0711' });
    this.#mounted = true;
    const { rootsDir, bundlesDir, tasksDir, namespacesDir, addressesDir, volumesDir } = this;
    const dirs = [rootsDir, bundlesDir, tasksDir, namespacesDir, addressesDir, volumesDir];
    for (const dir of [...dirs, this.secretsDir]) {
      await mkdir(dir, { mode: 0o711 });
    }
    mount({ source: 'ramfs', target: this.secretsDir, type: 'ramfs', data: 'mode=0711' });
  }

  async stop(): Promise<void> {
    if (!this.#mounted) return;
    this.#mounted = false;
    unmount(this.secretsDir, { detach: true });
    unmount(this.#dir, { detach: true });
  }
}
