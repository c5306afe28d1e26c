import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { FunctionRecord } from '../../../src/domain/function.ts';
import type { Digest } from '../../../src/domain/ids.ts';
import {
  createFunctionDeployer,
  type FunctionDeployerOptions,
} from '../../../src/orchestration/function-deployer.ts';
import type { ImageProvider } from '../../../src/domain/image.ts';
import { digestOf, preparedImage, specOf } from '../../support/function-records.ts';
import { MemoryRecordStore } from '../../support/memory-record-store.ts';

function setUp(
  build: () => Promise<Digest> = async () => digestOf('a'),
  prepare: ImageProvider['prepare'] = async (digest) => preparedImage(digest),
  missing: readonly string[] = [],
  admit: () => void = () => {},
  readyNodes: FunctionDeployerOptions['readyNodes'] = async () => [],
) {
  const functions = new MemoryRecordStore<FunctionRecord>();
  const facts: unknown[] = [];
  const deployer = createFunctionDeployer({
    functions,
    packages: { build },
    images: { prepare },
    secrets: { bind: () => ({ values: {}, missing, stamp: '' }) },
    admit,
    readyNodes,
    facts: { publish: (type, data) => facts.push({ type, ...data }) },
  });
  return { functions, facts, deploy: () => deployer.deploy(hello, Readable.from([])), deployer };
}

const hello = specOf('hello');

describe('function deployer', () => {
  it('records what was built, makes it live and tells everyone', async () => {
    const { functions, facts, deploy } = setUp();
    expect(await deploy()).toMatchObject({ changed: true, record: { live: digestOf('a') } });
    expect(functions.get('hello')?.live).toBe(digestOf('a'));
    expect(facts).toEqual([
      { type: 'function.deployed', functionName: 'hello', version: digestOf('a'), number: 1 },
    ]);
  });

  it('deploys nothing that this installation refuses', async () => {
    const refusal = new Error('not here');
    const { functions, deploy } = setUp(undefined, undefined, undefined, () => {
      throw refusal;
    });
    await expect(deploy()).rejects.toBe(refusal);
    expect(functions.get('hello')).toBeUndefined();
  });

  it('records and tells nothing when the image is live already', async () => {
    const { functions, facts, deploy } = setUp();
    await deploy();
    expect(await deploy()).toMatchObject({ changed: false, record: { revision: 1 } });
    expect(functions.get('hello')?.revision).toBe(1);
    expect(facts).toHaveLength(1);
  });

  it('refuses a function whose secret is not set, and says how to set it', async () => {
    const { functions, deploy } = setUp(undefined, undefined, ['API_TOKEN']);
    await expect(deploy()).rejects.toMatchObject({
      code: 'invalid',
      reason: 'secrets.missing',
      message: expect.stringContaining('hearth secret set API_TOKEN'),
    });
    expect(functions.list()).toEqual([]);
  });

  it('records nothing when the image cannot be made ready to run', async () => {
    const { functions, deploy } = setUp(undefined, () => Promise.reject(new Error('unsafe')));
    await expect(deploy()).rejects.toThrow('unsafe');
    expect(functions.get('hello')).toBeUndefined();
  });

  it('records nothing before nodes have it, and names those that have not', async () => {
    const unready = [{ node: 'n', hostname: 'far', why: 'The disk is full.' }];
    const { functions, deploy } = setUp(undefined, undefined, undefined, undefined, async () => {
      expect(functions.get('hello')).toBeUndefined();
      return unready;
    });
    expect(await deploy()).toMatchObject({ changed: true, unreadyNodes: unready });
    expect(await deploy()).toMatchObject({ changed: false, unreadyNodes: [] });
  });

  it('asks nodes for what gets traffic, but lets no rollback wait for them', async () => {
    const digests = ['a', 'b', 'c'].map(digestOf);
    const builds = [...digests];
    const asked: Digest[] = [];
    const { deploy, deployer } = setUp(
      async () => builds.shift()!,
      undefined,
      undefined,
      undefined,
      async (_spec, digest) => {
        asked.push(digest);
        return [];
      },
    );
    for (const _ of digests) await deploy();
    expect(asked.splice(0)).toEqual(digests);
    await deployer.rollback('hello');
    expect(asked).toEqual([]);
    await deployer.setAlias('hello', 'old', '1');
    await deployer.setTraffic('hello', { live: '1' });
    expect(asked).toEqual([digestOf('a')]);
  });

  it('records nothing when the build fails', async () => {
    const { functions, facts, deploy } = setUp(() => Promise.reject(new Error('bad package')));
    await expect(deploy()).rejects.toThrow('bad package');
    expect(functions.list()).toEqual([]);
    expect(facts).toEqual([]);
  });

  it('makes live what was asked for last, even if an earlier build takes longer', async () => {
    const { promise: slow, resolve } = Promise.withResolvers<Digest>();
    const builds = [slow, Promise.resolve(digestOf('b'))];
    const { functions, deploy } = setUp(() => builds.shift() ?? slow);
    const deploys = [deploy(), deploy()];
    resolve(digestOf('a'));
    await Promise.all(deploys);
    expect(functions.get('hello')).toMatchObject({ revision: 2, live: digestOf('b') });
  });

  it('removes once and tells so once', async () => {
    const { facts, deploy, deployer } = setUp();
    await deploy();
    expect(await deployer.remove('hello')).toBe(true);
    expect(await deployer.remove('hello')).toBe(false);
    expect(facts.slice(1)).toEqual([{ type: 'function.removed', functionName: 'hello' }]);
  });
});
