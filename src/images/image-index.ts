import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileDurably } from '../lib/durable-file.ts';
import { KeyedMutex } from '../lib/keyed-mutex.ts';
import type { Descriptor } from './manifest.ts';

const nameAnnotation = 'org.opencontainers.image.ref.name';

interface NamedDescriptor extends Descriptor {
  readonly annotations?: Readonly<Record<string, string>>;
}

/**
 * Names of images: the `index.json` of an OCI image layout, which skopeo and umoci read too.
 * One process writes it, the one that holds the data folder; others may read.
 */
export class ImageIndex {
  readonly #file: string;
  readonly #mutex = new KeyedMutex<'index'>();

  constructor(dir: string) {
    this.#file = join(dir, 'index.json');
  }

  /** Everything that has a name. */
  async list(): Promise<ReadonlyMap<string, Descriptor>> {
    const named = (await this.#read()).map(
      (image) => [image.annotations?.[nameAnnotation] ?? '', image] as const,
    );
    return new Map(named.filter(([name]) => name !== ''));
  }

  async find(name: string): Promise<Descriptor | undefined> {
    return (await this.#read()).find(({ annotations }) => annotations?.[nameAnnotation] === name);
  }

  async set(name: string, descriptor: Descriptor): Promise<void> {
    await this.#replace(name, [{ ...descriptor, annotations: { [nameAnnotation]: name } }]);
  }

  /** Resolves to whether there was one. */
  async remove(name: string): Promise<boolean> {
    return await this.#replace(name, []);
  }

  async #replace(name: string, replacement: readonly NamedDescriptor[]): Promise<boolean> {
    return await this.#mutex.run('index', async () => {
      const all = await this.#read();
      const others = all.filter(({ annotations }) => annotations?.[nameAnnotation] !== name);
      const index = { schemaVersion: 2, manifests: [...others, ...replacement] };
      await writeFileDurably(this.#file, JSON.stringify(index));
      return others.length < all.length;
    });
  }

  async #read(): Promise<readonly NamedDescriptor[]> {
    try {
      const index = JSON.parse(await readFile(this.#file, 'utf8')) as {
        readonly manifests: readonly NamedDescriptor[];
      };
      return index.manifests;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }
}
