import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GarbageReport, ImageGarbage } from '../../domain/image-garbage.ts';
import { ifThere } from '../../lib/durable-file.ts';

/** Says that a folder of images is a gateway's, whichever process started first. */
export class GatewayMark {
  readonly #file: string;

  constructor(dir: string) {
    this.#file = join(dir, 'gateway');
  }

  async set(): Promise<void> {
    await writeFile(this.#file, 'A gateway collects the garbage of this folder.\n');
  }

  async isSet(): Promise<boolean> {
    return (await ifThere(stat(this.#file))) !== undefined;
  }
}

const nothing: GarbageReport = { names: [], blobs: [], layers: [], freedBytes: 0 };

/**
 * The garbage of a worker's folder. In one that is a gateway's, the gateway collects: it alone knows
 * of deploys and pushes under way.
 */
export class NodeGarbage implements ImageGarbage {
  readonly #garbage: ImageGarbage;
  readonly #gatewayMark: GatewayMark;

  constructor(garbage: ImageGarbage, gatewayMark: GatewayMark) {
    this.#garbage = garbage;
    this.#gatewayMark = gatewayMark;
  }

  async collect(options: { readonly dryRun: boolean }): Promise<GarbageReport> {
    return (await this.#gatewayMark.isSet()) ? nothing : await this.#garbage.collect(options);
  }

  async isShortOfSpace(): Promise<boolean> {
    return !(await this.#gatewayMark.isSet()) && (await this.#garbage.isShortOfSpace());
  }
}
