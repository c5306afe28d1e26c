import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { HostError } from '../domain/errors.ts';
import { formatIp, ipRangeSize, type IpRange } from '../lib/ip-range.ts';

/** The two addresses of one link, held until disposed. */
export interface AddressPair extends AsyncDisposable {
  readonly family: IpRange['family'];
  /** Even; the sandbox's is the next. */
  readonly router: bigint;
  readonly sandbox: bigint;
}

/** Pairs tried beyond those that this pool knows to be taken. */
const foreignLimit = 1024;

/**
 * Gives out pairs of addresses, round robin, so that one that was given back rests as long as
 * possible. A pair is taken by making its file, which only one can do; its file names who has it.
 */
export class AddressPool {
  readonly #dir: string;
  readonly #range: IpRange;
  readonly #pairs: bigint;
  readonly #taken = new Set<bigint>();
  #next = 0n;

  constructor(dir: string, range: IpRange) {
    this.#dir = dir;
    this.#range = range;
    this.#pairs = ipRangeSize(range) / 2n;
  }

  /** @throws HostError `unavailable` when all are taken. */
  async lease(holder: string): Promise<AddressPair> {
    for (let foreign = 0; foreign < foreignLimit; foreign++) {
      if (BigInt(this.#taken.size) >= this.#pairs) break;
      const index = this.#pick();
      const router = this.#range.first + index * 2n;
      const path = join(this.#dir, formatIp(this.#range.family, router));
      if (await claimed(path, holder)) return this.#pair(index, router, path);
      this.#taken.delete(index);
    }
    throw new HostError(
      'unavailable',
      'network.no_address',
      `All ${this.#pairs} address pairs are in use by sandboxes: set HEARTH_NETWORK_RANGES to a larger range.`,
      { retryAfterMs: 1000 },
    );
  }

  /** The next free one; there is one. */
  #pick(): bigint {
    while (this.#taken.has(this.#next)) this.#next = (this.#next + 1n) % this.#pairs;
    const index = this.#next;
    this.#next = (index + 1n) % this.#pairs;
    this.#taken.add(index);
    return index;
  }

  #pair(index: bigint, router: bigint, path: string): AddressPair {
    return {
      family: this.#range.family,
      router,
      sandbox: router + 1n,
      [Symbol.asyncDispose]: async () => {
        if (this.#taken.delete(index)) await rm(path, { force: true });
      },
    };
  }
}

/** False where it is another's. */
async function claimed(path: string, holder: string): Promise<boolean> {
  try {
    await using file = await open(path, 'wx', 0o600);
    await file.writeFile(`${holder}\n`);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
