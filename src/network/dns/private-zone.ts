import { internalName } from '../../domain/function-caller.ts';
import type { NetworkDirectory } from '../../domain/private-network.ts';
import { parseIpRange, type IpFamily } from '../../lib/ip-range.ts';
import type { AllowedPort } from '../egress-policy.ts';
import { lookUp, type Lookup, type SandboxLookups } from './checked-lookup.ts';
import type { Resolved, Resolver } from './resolver.ts';
import { atCallsDoor, notThere, withAddresses, type Zone } from './zone.ts';

export interface PrivateZoneOptions extends SandboxLookups {
  /** Those that the function is on. */
  readonly networks: readonly string[];
  readonly directory: Pick<NetworkDirectory, 'endpoint' | 'hasFunction'>;
  readonly resolver: Pick<Resolver, 'resolve'>;
  /** Addresses that no endpoint may have. */
  readonly isForbidden: (address: string) => boolean;
  /** Lets the sandbox connect there; called before it learns of the addresses. */
  readonly permit: (addresses: readonly string[], port: AllowedPort, ttlSeconds: number) => void;
}

/** `<name>.<network>.internal`: endpoints, which come first, and functions on the same network. */
export function privateZone(options: PrivateZoneOptions): Zone {
  const { networks, directory, resolver, isForbidden, permit, onRefused } = options;

  async function addressesOf(host: string, family: IpFamily): Promise<Resolved> {
    const address = parseIpRange(host);
    if (!address) return await resolver.resolve(host, family);
    return withAddresses(address.family === family ? [host] : []);
  }

  return {
    resolve: (name, family) => {
      const found = internalName(name);
      if (!found || !networks.includes(found.network)) return undefined;
      const endpoint = directory.endpoint(found.network, found.name);
      if (endpoint) {
        const { host, protocol, port } = endpoint;
        const lookup: Lookup = {
          name,
          find: (asked) => addressesOf(host, asked),
          isRefused: isForbidden,
          permit: (addresses, ttlSeconds) => permit(addresses, { protocol, port }, ttlSeconds),
        };
        return lookUp(family, lookup, options);
      }
      if (directory.hasFunction(found.network, found.name)) {
        return Promise.resolve(atCallsDoor(family));
      }
      onRefused(name, 'name');
      return Promise.resolve(notThere);
    },
  };
}
