import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';

/** A tar that is made while it is read: entries go in one after the other, as fast as `output` is read. */
export class TarWriter {
  readonly #tar = pack();

  /** The library's streams behave like Node's; only their types are others. */
  get output(): Readable {
    return this.#tar as unknown as Readable;
  }

  addBytes(name: string, bytes: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#tar.entry({ name, mode: 0o600 }, bytes, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Rejects when there is more or less content than `sizeBytes`. */
  async addStream(name: string, sizeBytes: number, content: AsyncIterable<Buffer>): Promise<void> {
    const entry = this.#tar.entry({ name, size: sizeBytes, mode: 0o600 });
    await pipeline(content, entry as unknown as Writable);
  }

  end(): void {
    this.#tar.finalize();
  }

  /** Breaks `output` off, so that nobody takes it for a whole one. */
  destroy(error: Error): void {
    this.#tar.destroy(error);
  }
}
