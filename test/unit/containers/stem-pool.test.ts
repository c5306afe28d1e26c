import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ContainerMaker } from '../../../src/containers/container-maker.ts';
import { StemPool } from '../../../src/containers/stem-pool.ts';
import { Tokens } from '../../../src/containers/pool/tokens.ts';
import type { PreparedImage } from '../../../src/domain/image.ts';
import { FakeSandbox } from '../../support/fake-sandbox.ts';
import { silentLogger } from '../../support/silent-logger.ts';

const base: PreparedImage = {
  digest: `sha256:${'b'.repeat(64)}`,
  layerDirs: ['/layers/base'],
  env: ['PATH=/usr/bin'],
  entrypoint: ['/usr/bin/node'],
  cmd: [],
  user: { uid: 1000, gid: 1000 },
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
let memory: Tokens;

beforeEach(() => {
  made = [];
  memory = new Tokens(100);
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
    memoryBytes: 10,
    memory,
    inTurn: (task) => task(),
    size: 2,
    logger: silentLogger,
  });
  pool.fill();
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

  test('has memory for those that are ready, and gives it back', async () => {
    await hasMade(2);
    await vi.waitFor(() => expect(memory.free).toBe(80));
    expect(await pool.giveUpOne()).toBe(10);
    expect(memory.free).toBe(90);
    pool.fill();
    await hasMade(3);
    await pool.stop();
    expect(memory.free).toBe(100);
  });

  test('makes none of the memory that functions will need soon', async () => {
    await hasMade(2);
    memory.take(75);
    expect(pool.take(version)).toBeDefined();
    expect(memory.free).toBe(15); // another would leave less than a tenth
    pool.fill();
    expect(made).toHaveLength(2);
    memory.giveBack(75);
    await vi.waitFor(() => {
      pool.fill();
      expect(made).toHaveLength(3);
    });
  });

  test('leaves none at the stop', async () => {
    await hasMade(2);
    await pool.stop();
    expect(made.map(({ destroyed }) => destroyed)).toEqual(['shutdown', 'shutdown']);
    expect(pool.take(version)).toBeUndefined();
  });
});
