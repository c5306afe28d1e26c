import type { ServerResponse } from 'node:http';
import { isLimited, type Quotas } from '../domain/quota.ts';
import type { Principal } from '../domain/principal.ts';

/**
 * Takes one request from what its caller may ask for, until the answer is over. Not to be waited
 * for where the caller has no limits: `isLimited`.
 * @throws HostError `throttled`; `unavailable`.
 */
export async function holdQuota(
  quotas: Quotas,
  principal: Principal,
  response: ServerResponse,
  lastsMs: number,
): Promise<void> {
  if (!isLimited(principal)) return;
  const lease = await quotas.take(principal, lastsMs);
  const giveBack = () => lease[Symbol.dispose]();
  if (response.closed) giveBack();
  else response.once('close', giveBack);
}
