import type { EgressRule } from '../../domain/network.ts';
import { judgeName, type AllowedPort } from '../egress-policy.ts';
import { lookUp, type Lookup, type SandboxLookups } from './checked-lookup.ts';
import type { Resolver } from './resolver.ts';
import type { Zone } from './zone.ts';

export interface EgressZoneOptions extends SandboxLookups {
  readonly rules: readonly EgressRule[];
  readonly resolver: Pick<Resolver, 'resolve'>;
  /** Addresses that stay out of reach, whatever a name says. */
  readonly isBlocked: (address: string) => boolean;
  /** Lets the sandbox connect there; called before it learns of the addresses. */
  readonly permit: (
    addresses: readonly string[],
    ports: readonly AllowedPort[],
    ttlSeconds: number,
  ) => void;
}

/** Names of the world that the function lists: only they are asked for, and lead where they may. */
export function egressZone(options: EgressZoneOptions): Zone {
  const { rules, resolver, isBlocked, permit } = options;
  return {
    resolve: (name, family) => {
      const { isAllowed, ports } = judgeName(rules, name);
      if (!isAllowed) return undefined;
      const lookup: Lookup = {
        name,
        find: (asked) => resolver.resolve(name, asked),
        isRefused: isBlocked,
        permit: (addresses, ttlSeconds) => permit(addresses, ports, ttlSeconds),
      };
      return lookUp(family, lookup, options);
    },
  };
}
