import type { EgressRule } from '../../domain/network.ts';
import type { IpFamily } from '../../lib/ip-range.ts';
import { judgeName, type AllowedPort } from '../egress-policy.ts';
import type { QuestionBudget } from './question-budget.ts';
import type { Resolved, Resolver } from './resolver.ts';
import { withAddresses, type OnRefused, type Zone } from './zone.ts';

export interface EgressZoneOptions {
  readonly rules: readonly EgressRule[];
  readonly resolver: Pick<Resolver, 'resolve'>;
  /** Those for which the sandbox has an address. */
  readonly families: readonly IpFamily[];
  /** Addresses that stay out of reach, whatever a name says. */
  readonly isBlocked: (address: string) => boolean;
  /** Lets the sandbox connect there; called before it learns of the addresses. */
  readonly permit: (
    addresses: readonly string[],
    ports: readonly AllowedPort[],
    ttlSeconds: number,
  ) => void;
  readonly budget: Pick<QuestionBudget, 'spend'>;
  readonly onRefused: OnRefused;
}

/** Names of the world that the function lists: only they are asked for, and lead where they may. */
export function egressZone(options: EgressZoneOptions): Zone {
  const { rules, resolver, families, isBlocked, permit, budget, onRefused } = options;

  async function resolve(
    name: string,
    family: IpFamily | undefined,
    ports: readonly AllowedPort[],
  ): Promise<Resolved> {
    if (family === undefined || !families.includes(family)) return withAddresses([]);
    budget.spend();
    const resolved = await resolver.resolve(name, family);
    const reachable = resolved.addresses.filter((address) => !isBlocked(address));
    if (reachable.length < resolved.addresses.length) onRefused(name, 'address');
    if (resolved.exists) permit(reachable, ports, resolved.ttlSeconds);
    return { ...resolved, addresses: reachable };
  }

  return {
    resolve: (name, family) => {
      const { isAllowed, ports } = judgeName(rules, name);
      return isAllowed ? resolve(name, family, ports) : undefined;
    },
  };
}
