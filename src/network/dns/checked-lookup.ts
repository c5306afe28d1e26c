import type { IpFamily } from '../../lib/ip-range.ts';
import type { QuestionBudget } from './question-budget.ts';
import type { Resolved } from './resolver.ts';
import { withAddresses, type OnRefused } from './zone.ts';

/** What holds for all that one sandbox looks up. */
export interface SandboxLookups {
  /** Those for which the sandbox has an address. */
  readonly families: readonly IpFamily[];
  readonly budget: Pick<QuestionBudget, 'spend'>;
  readonly onRefused: OnRefused;
}

export interface Lookup {
  readonly name: string;
  readonly find: (family: IpFamily) => Promise<Resolved>;
  /** Addresses that stay out of reach, whatever a name says. */
  readonly isRefused: (address: string) => boolean;
  /** Lets the sandbox connect there; called before it learns of the addresses. */
  readonly permit: (addresses: readonly string[], ttlSeconds: number) => void;
}

/**
 * Finds the addresses of a name that the sandbox may look up, and lets it reach those it may.
 * @throws HostError `throttled` when it looks up too much.
 */
export async function lookUp(
  family: IpFamily | undefined,
  { name, find, isRefused, permit }: Lookup,
  { families, budget, onRefused }: SandboxLookups,
): Promise<Resolved> {
  if (family === undefined || !families.includes(family)) return withAddresses([]);
  budget.spend();
  const resolved = await find(family);
  const reachable = resolved.addresses.filter((address) => !isRefused(address));
  if (reachable.length < resolved.addresses.length) onRefused(name, 'address');
  if (resolved.exists) permit(reachable, resolved.ttlSeconds);
  return { ...resolved, addresses: reachable };
}
