import { setTimeout as delay } from 'node:timers/promises';
import { HostError } from '../domain/errors.ts';
import { loopDevices } from '../linux/index.ts';

/** Other processes that are just starting hold copies of our mounts for some milliseconds. */
const limitMs = 10_000;
const lookMs = 10;

/**
 * Waits until no loop device has the file: a file system mounted twice is destroyed.
 * @throws HostError `unavailable` when one still has.
 */
export async function waitUntilDetached(file: string): Promise<void> {
  const giveUpAt = performance.now() + limitMs;
  for (;;) {
    const device = (await loopDevices()).find(({ backingFile }) => backingFile === file);
    if (!device) return;
    if (performance.now() > giveUpAt) {
      throw new HostError(
        'unavailable',
        'volume.busy',
        `${file} is still in use as ${device.device}: see "losetup --list".`,
        { retryAfterMs: 1_000 },
      );
    }
    await delay(lookMs);
  }
}
