import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { Logger } from '../../../src/domain/logger.ts';
import { NamespacePool, type NamespaceMaker } from '../../../src/network/namespace-pool.ts';

const log = vi.fn<(fields: object, message: string) => void>();
const logger: Logger = { debug: log, info: log, warn: log, error: log };

/** Namespaces as names in a set. */
class FakeMaker implements NamespaceMaker {
  readonly existing = new Set<string>();
  failure: Error | undefined;

  async create(path: string): Promise<void> {
    if (this.failure) throw this.failure;
    this.existing.add(path);
  }
  async remove(path: string): Promise<void> {
    this.existing.delete(path);
  }
}

let maker: FakeMaker;
let pool: NamespacePool;
beforeEach(async () => {
  vi.resetAllMocks();
  maker = new FakeMaker();
  pool = new NamespacePool({ maker, dir: '/pins', size: 2, logger });
  await pool.start();
});

describe('the pool of network namespaces', () => {
  test('has them ready ahead, and refills', async () => {
    expect(maker.existing.size).toBe(2);
    const { path } = await pool.lease();
    expect(maker.existing).toContain(path);
    await vi.waitFor(() => expect(maker.existing.size).toBe(3));
  });

  test('gives every sandbox another one, and never one again', async () => {
    const leases = await Promise.all(Array.from({ length: 5 }, () => pool.lease()));
    expect(new Set(leases.map(({ path }) => path)).size).toBe(5);
    const [first] = leases;
    await first?.[Symbol.asyncDispose]();
    expect(maker.existing).not.toContain(first?.path);
    for (let i = 0; i < 5; i++) expect((await pool.lease()).path).not.toBe(first?.path);
  });

  test('tells whoever needs one why there is none', async () => {
    await pool.lease();
    await pool.lease();
    await vi.waitFor(() => expect(maker.existing.size).toBe(4));
    maker.failure = new Error('the kernel says no');
    await pool.lease();
    await pool.lease();
    await expect(pool.lease()).rejects.toThrow('the kernel says no');
    expect(log).toHaveBeenCalled();
  });

  test('leaves none at the stop, also none that is still leased', async () => {
    await pool.lease();
    await pool.stop();
    expect(maker.existing.size).toBe(0);
  });
});
