import { expect, test, vi } from 'vitest';
import { PeriodicCollection } from '../../../src/images/index.ts';
import { silentLogger } from '../../support/silent-logger.ts';

const nothing = { names: [], blobs: [], layers: [], freedBytes: 0 };

/** What it does look by look until it has collected. */
async function untilCollected(isShortOfSpace: (look: number) => boolean): Promise<number> {
  let looks = 0;
  const collectedAt: number[] = [];
  const garbage = {
    collect: async () => {
      collectedAt.push(looks);
      return nothing;
    },
    isShortOfSpace: async () => isShortOfSpace(++looks),
  };
  const service = new PeriodicCollection(garbage, silentLogger, 1);
  await service.start();
  await vi.waitFor(() => expect(collectedAt).not.toEqual([]));
  await service.stop();
  return collectedAt[0] ?? 0;
}

test('garbage is collected with every sixth look, once an hour', async () => {
  expect(await untilCollected(() => false)).toBe(5); // the sixth does not ask
});

test('garbage is collected sooner when the disk is full', async () => {
  expect(await untilCollected((look) => look === 2)).toBe(2);
});
