import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ContainerMaker } from '../../../src/containers/container-maker.ts';
import { StemPool } from '../../../src/containers/stem-pool.ts';
import type { PreparedImage } from '../../../src/domain/image.ts';
import { FakeSandbox } from '../../support/fake-sandbox.ts';
import { silentLogger } from '../../support/silent-logger.ts';

const base: PreparedImage = {
  digest: `sha256:${'b'.repeat(64)}`,
  layerDirs: ['/layers/base'],
  env: ['PATH=/usr/bin'],
  entrypoint: ['/usr/bin/node'],
  workingDir: '/var/task',
  labels: {},
};
const version: PreparedImage = { ...base, layerDirs: ['/layers/package', '/layers/base'] };

class FakeStem extends FakeSandbox {
  boot = async () => undefined;
}

let made: FakeStem[];
let failure: Error | undefined;
let pool: StemPool;

beforeEach(async () => {
  made = [];
  failure = undefined;
  const make = async () => {
    if (failure) throw failure;
    const stem = new FakeStem(`stem-${made.length}`, 1);
    made.push(stem);
    return stem;
  };
  pool = new StemPool({
    maker: { make } as unknown as Pick<ContainerMaker, 'make'>,
    loadImage: async () => base,
    mounts: [],
    memoryBytes: 1,
    size: 2,
    logger: silentLogger,
  });
  await pool.start();
});
afterEach(() => pool.stop());

const hasMade = (count: number) => vi.waitFor(() => expect(made).toHaveLength(count));

describe('the pool of stems', () => {
  test('makes them ahead and replaces each that is taken', async () => {
    await hasMade(2);
    expect(pool.take(version)?.id).toBe('stem-0');
    await hasMade(3);
  });

  test('gives no stem to two', async () => {
    await hasMade(2);
    const taken = [pool.take(version), pool.take(version), pool.take(version)];
    expect(taken.map((stem) => stem?.id)).toEqual(['stem-0', 'stem-1', undefined]);
  });

  test.each<[string, Partial<PreparedImage>]>([
    ['has another base', { layerDirs: ['/layers/package', '/layers/other'] }],
    ['has layers between', { layerDirs: ['/layers/package', '/layers/more', '/layers/base'] }],
    ['starts otherwise', { entrypoint: ['/usr/bin/other'] }],
    ['starts elsewhere', { workingDir: '/' }],
    ['has another environment', { env: [] }],
  ])('has none for an image that %s', async (_, difference) => {
    await hasMade(2);
    expect(pool.take({ ...version, ...difference })).toBeUndefined();
  });

  test('gives no dead one, and replaces it', async () => {
    await hasMade(2);
    await made[0]?.destroy('crashed');
    expect(pool.take(version)?.id).toBe('stem-1');
    await hasMade(4);
  });

  test('has none while they cannot be made, and tries again', async () => {
    await hasMade(2);
    failure = new Error('no memory');
    pool.take(version);
    pool.take(version);
    expect(pool.take(version)).toBeUndefined();
    failure = undefined;
    await hasMade(4);
  });

  test('leaves none at the stop', async () => {
    await hasMade(2);
    await pool.stop();
    expect(made.map(({ destroyed }) => destroyed)).toEqual(['shutdown', 'shutdown']);
    expect(pool.take(version)).toBeUndefined();
  });
});
