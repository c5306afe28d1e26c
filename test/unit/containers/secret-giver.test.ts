import { expect, test } from 'vitest';
import { SecretGiver } from '../../../src/containers/secret-giver.ts';
import type { SandboxFactory } from '../../../src/containers/sandbox-factory.ts';
import type { PreparedVersion } from '../../../src/domain/version.ts';
import { fakeSpec } from '../../support/fake-sandbox.ts';
import { digestOf, preparedImage } from '../../support/function-records.ts';

const version = async (): Promise<PreparedVersion> => ({
  digest: digestOf('a'),
  spec: fakeSpec({ env: { LEVEL: 'info' }, secrets: ['API_TOKEN'] }),
  image: await preparedImage(digestOf('a')),
});

function giver(missing: readonly string[]) {
  const made: PreparedVersion[] = [];
  const factory: SandboxFactory = {
    create: async (given) => {
      made.push(given);
      return { failure: { kind: 'cancelled' }, start: 'cold', timings: {} };
    },
  };
  const secrets = { bind: () => ({ values: { API_TOKEN: 'the-value' }, missing }) };
  return { made, giver: new SecretGiver(factory, secrets) };
}

test('a function finds its secrets in its environment, and its version stays without', async () => {
  const { made, giver: secretGiver } = giver([]);
  const given = await version();
  await secretGiver.create(given, AbortSignal.timeout(1000));
  expect(made[0]?.spec.env).toEqual({ LEVEL: 'info', API_TOKEN: 'the-value' });
  expect(JSON.stringify(given)).not.toContain('the-value');
});

test('a function that lacks a secret fails to load, with the remedy, and nothing is made', async () => {
  const { made, giver: secretGiver } = giver(['API_TOKEN']);
  const creation = await secretGiver.create(await version(), AbortSignal.timeout(1000));
  expect(creation.failure).toMatchObject({
    kind: 'function_error',
    error: { type: 'Runtime.MissingSecret', message: expect.stringContaining('hearth secret set') },
  });
  expect(made).toEqual([]);
});
