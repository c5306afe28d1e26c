import type { ServerResponse } from 'node:http';
import type { Limited, Quotas } from '../domain/quota.ts';

/**
 * Takes one request from what its caller may ask for, until the answer is over.
 * @throws HostError `throttled`; `unavailable`.
 */
export async function holdQuota(
  quotas: Quotas,
  principal: Limited,
  response: ServerResponse,
  lastsMs: number,
): Promise<void> {
  const lease = await quotas.take(principal, lastsMs);
  const giveBack = () => lease[Symbol.dispose]();
  if (response.closed) giveBack();
  else response.once('close', giveBack);
}
