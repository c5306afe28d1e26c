import type { MountedVolume, VolumeDriver, VolumeRecord } from '../domain/volume.ts';
import { KeyedMutex } from '../lib/keyed-mutex.ts';

interface InUse {
  readonly mounted: MountedVolume;
  users: number;
}

/** One mount per volume, for all who use it on this node: made for the first, gone after the last. */
export class MountedVolumes {
  readonly #driverOf: (volume: VolumeRecord) => VolumeDriver;
  readonly #inUse = new Map<string, InUse>();
  readonly #mutex = new KeyedMutex<string>();

  constructor(driverOf: (volume: VolumeRecord) => VolumeDriver) {
    this.#driverOf = driverOf;
  }

  async use(volume: VolumeRecord): Promise<MountedVolume> {
    const { name } = volume;
    const inUse = await this.#mutex.run(name, async () => {
      const there = this.#inUse.get(name) ?? {
        mounted: await this.#driverOf(volume).mount(volume),
        users: 0,
      };
      there.users += 1;
      this.#inUse.set(name, there);
      return there;
    });
    let held = true;
    return {
      root: inUse.mounted.root,
      [Symbol.asyncDispose]: async () => {
        if (!held) return;
        held = false;
        await this.#mutex.run(name, () => this.#release(name, inUse));
      },
    };
  }

  /** Runs a task while the volume stays as it is: mounted, and given, or not. */
  asItIs<T>(volume: string, task: (mounted: MountedVolume | undefined) => Promise<T>): Promise<T> {
    return this.#mutex.run(volume, () => task(this.#inUse.get(volume)?.mounted));
  }

  async #release(name: string, inUse: InUse): Promise<void> {
    inUse.users -= 1;
    if (inUse.users > 0) return;
    this.#inUse.delete(name);
    await inUse.mounted[Symbol.asyncDispose]();
  }
}
