import { expect, test } from 'vitest';
import { SecretGiver } from '../../../src/containers/secret-giver.ts';
import type { BoundVersion } from '../../../src/containers/sandbox-factory.ts';
import type { DestroyReason, Sandbox } from '../../../src/domain/sandbox.ts';
import type { SecretBinding } from '../../../src/domain/secret.ts';
import type { PreparedVersion } from '../../../src/domain/version.ts';
import { fakeSpec } from '../../support/fake-sandbox.ts';
import { digestOf, preparedImage } from '../../support/function-records.ts';

const version = async (): Promise<PreparedVersion> => ({
  digest: digestOf('a'),
  spec: fakeSpec({ env: { LEVEL: 'info' }, secrets: ['API_TOKEN'] }),
  image: preparedImage(digestOf('a')),
});

function setUp(binding: Partial<SecretBinding> = {}) {
  const made: BoundVersion[] = [];
  const gone = Promise.withResolvers<DestroyReason>();
  const given = { values: { API_TOKEN: 'the-value' }, missing: [], stamp: '1', ...binding };
  let tell = () => {};
  const giver = new SecretGiver({
    factory: {
      create: async (bound) => {
        made.push(bound);
        const sandbox = { gone: gone.promise } as unknown as Sandbox;
        return { sandbox, start: 'stem', timings: {} };
      },
    },
    secrets: { bind: () => given },
    onChange: (listener) => (tell = listener),
  });
  const change = (stamp: string) => {
    given.stamp = stamp;
    tell();
  };
  return { made, giver, gone, change };
}

test('a function finds its secrets in its environment, and its version stays without', async () => {
  const { made, giver } = setUp();
  const given = await version();
  await giver.create(given, AbortSignal.timeout(1000));
  expect(made[0]?.spec.env).toEqual({ LEVEL: 'info', API_TOKEN: 'the-value' });
  expect(JSON.stringify(given)).not.toContain('the-value');
});

test('a function finds its secrets in files, and those that are only files not in its environment', async () => {
  const { made, giver } = setUp();
  const given = await version();
  const secretFiles = [{ name: 'API_TOKEN', file: 'token' }];
  const spec = { ...given.spec, secrets: [], secretFiles };
  await giver.create({ ...given, spec }, AbortSignal.timeout(1000));
  expect(made[0]?.secretFiles).toEqual({ token: 'the-value' });
  expect(made[0]?.spec.env).toEqual({ LEVEL: 'info' });
});

test('a function that lacks a secret fails to load, with the remedy, and nothing is made', async () => {
  const { made, giver } = setUp({ missing: ['API_TOKEN'] });
  const creation = await giver.create(await version(), AbortSignal.timeout(1000));
  expect(creation.failure).toMatchObject({
    kind: 'function_error',
    error: { type: 'Runtime.MissingSecret', message: expect.stringContaining('hearth secret set') },
  });
  expect(made).toEqual([]);
});

test('a sandbox is outdated when its secret changes, and not when another does', async () => {
  const { made, giver, change } = setUp();
  await giver.create(await version(), AbortSignal.timeout(1000));
  const [bound] = made;
  change('1');
  expect(bound?.outdated?.aborted).toBe(false);
  change('2');
  expect(bound?.outdated?.aborted).toBe(true);
});

test('a sandbox whose secret changes while it is made is outdated from the start', async () => {
  const { made, giver, change } = setUp();
  const creation = giver.create(await version(), AbortSignal.timeout(1000));
  change('2');
  await creation;
  expect(made[0]?.outdated?.aborted).toBe(true);
});

test('a sandbox that is gone is not looked at again', async () => {
  const { made, giver, gone, change } = setUp();
  await giver.create(await version(), AbortSignal.timeout(1000));
  gone.resolve('idle');
  await gone.promise;
  change('2');
  expect(made[0]?.outdated?.aborted).toBe(false);
});
