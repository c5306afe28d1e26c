import { internalName } from '../../domain/function-caller.ts';
import type { NetworkDirectory, NetworkEndpoint } from '../../domain/private-network.ts';
import { parseIpRange, type IpFamily } from '../../lib/ip-range.ts';
import { callsAddress } from '../calls-door.ts';
import type { AllowedPort } from '../egress-policy.ts';
import type { QuestionBudget } from './question-budget.ts';
import type { Resolved, Resolver } from './resolver.ts';
import { notThere, withAddresses, type OnRefused, type Zone } from './zone.ts';

export interface PrivateZoneOptions {
  /** Those that the function is on. */
  readonly networks: readonly string[];
  readonly directory: Pick<NetworkDirectory, 'endpoint' | 'hasFunction'>;
  readonly resolver: Pick<Resolver, 'resolve'>;
  readonly families: readonly IpFamily[];
  /** Addresses that no endpoint may have. */
  readonly isForbidden: (address: string) => boolean;
  /** Lets the sandbox connect there; called before it learns of the addresses. */
  readonly permit: (addresses: readonly string[], port: AllowedPort, ttlSeconds: number) => void;
  readonly budget: Pick<QuestionBudget, 'spend'>;
  readonly onRefused: OnRefused;
}

/** `<name>.<network>.internal`: endpoints, which come first, and functions on the same network. */
export function privateZone(options: PrivateZoneOptions): Zone {
  const { networks, directory, resolver, families, isForbidden, permit, budget, onRefused } =
    options;

  async function addressesOf(host: string, family: IpFamily): Promise<Resolved> {
    const address = parseIpRange(host);
    if (!address) return await resolver.resolve(host, family);
    return withAddresses(address.family === family ? [host] : []);
  }

  async function resolve(
    name: string,
    { host, protocol, port }: NetworkEndpoint,
    family: IpFamily | undefined,
  ): Promise<Resolved> {
    if (family === undefined || !families.includes(family)) return withAddresses([]);
    budget.spend();
    const resolved = await addressesOf(host, family);
    const reachable = resolved.addresses.filter((address) => !isForbidden(address));
    if (reachable.length < resolved.addresses.length) onRefused(name, 'address');
    permit(reachable, { protocol, port }, resolved.ttlSeconds);
    return { ...resolved, addresses: reachable };
  }

  return {
    resolve: (name, family) => {
      const found = internalName(name);
      if (!found || !networks.includes(found.network)) return undefined;
      const endpoint = directory.endpoint(found.network, found.name);
      if (endpoint) return resolve(name, endpoint, family);
      if (directory.hasFunction(found.network, found.name)) {
        return Promise.resolve(withAddresses(family === 4 ? [callsAddress.host] : []));
      }
      onRefused(name, 'name');
      return Promise.resolve(notThere);
    },
  };
}
