import { HostError } from '../domain/errors.ts';
import { everyFunction } from '../domain/function-caller.ts';
import { servedVersions, type FunctionSpec, type FunctionStore } from '../domain/function.ts';
import { isName } from '../domain/ids.ts';
import type {
  NetworkDirectory,
  NetworkEndpoint,
  NetworkRecord,
  PrivateNetworks,
} from '../domain/private-network.ts';
import type { RecordStore } from '../domain/record-store.ts';

/** An endpoint is a name and an address; a network with more of them is better off with a DNS. */
const endpointsLimit = 100;

export interface RecordedNetworksOptions {
  readonly records: RecordStore<NetworkRecord>;
  /** Throws HostError `invalid` for an endpoint that functions cannot reach on this installation. */
  readonly admit: (endpoint: NetworkEndpoint) => void;
  readonly now?: () => Date;
}

export function recordedNetworks(options: RecordedNetworksOptions): PrivateNetworks {
  const { records, admit, now = () => new Date() } = options;

  const found = (name: string): NetworkRecord => {
    const record = records.get(name);
    if (record) return record;
    throw new HostError('not_found', 'network.unknown', missing(name));
  };

  async function withEndpoints(
    name: string,
    changed: (endpoints: readonly NetworkEndpoint[]) => readonly NetworkEndpoint[],
  ): Promise<NetworkRecord> {
    const record = found(name);
    const endpoints = changed(record.endpoints);
    const next = { ...record, endpoints, revision: record.revision + 1 };
    await records.put(next);
    return next;
  }

  return {
    create: async (name) => {
      if (!isName(name) || name === everyFunction) throw badName(name);
      if (records.get(name)) {
        throw new HostError('conflict', 'network.exists', `There is a network "${name}" already.`);
      }
      const record = { name, revision: 1, endpoints: [], createdAt: now().toISOString() };
      await records.put(record);
      return record;
    },
    attach: (name, endpoint) =>
      withEndpoints(name, (endpoints) => {
        if (!isName(endpoint.name)) throw badName(endpoint.name);
        admit(endpoint);
        const others = endpoints.filter((other) => other.name !== endpoint.name);
        if (others.length >= endpointsLimit) throw tooMany(name);
        return [...others, endpoint];
      }),
    detach: (name, endpoint) =>
      withEndpoints(name, (endpoints) => {
        const others = endpoints.filter((other) => other.name !== endpoint);
        if (others.length < endpoints.length) return others;
        throw new HostError(
          'not_found',
          'network.no_endpoint',
          `The network "${name}" has no endpoint "${endpoint.slice(0, 80)}".`,
        );
      }),
    remove: async (name) => {
      found(name);
      await records.remove(name);
    },
  };
}

/** @throws HostError `invalid` unless all networks of the function exist. */
export function requireNetworks(
  { network }: FunctionSpec,
  records: Pick<RecordStore<NetworkRecord>, 'get'>,
): void {
  const unknown = (network?.networks ?? []).find((name) => !records.get(name));
  if (unknown !== undefined) {
    throw new HostError('invalid', 'network.unknown', `network.networks: ${missing(unknown)}`);
  }
}

export function networkDirectory(
  networks: Pick<RecordStore<NetworkRecord>, 'get' | 'onChange'>,
  functions: Pick<FunctionStore, 'get'>,
): NetworkDirectory {
  return {
    endpoint: (network, name) =>
      networks.get(network)?.endpoints.find((endpoint) => endpoint.name === name),
    hasFunction: (network, functionName) => {
      const record = functions.get(functionName);
      return record !== undefined && networks.get(network) !== undefined && isOn(record, network);
    },
    onChange: (listener) => networks.onChange(listener),
  };
}

function isOn(record: NonNullable<ReturnType<FunctionStore['get']>>, network: string): boolean {
  const served = servedVersions(record);
  return record.versions.some(
    ({ digest, spec }) => served.has(digest) && spec.network?.networks?.includes(network),
  );
}

const missing = (name: string): string =>
  `There is no network "${name.slice(0, 80)}": make it with "hearth network create".`;

const badName = (name: string): HostError =>
  new HostError(
    'invalid',
    'network.invalid_name',
    `"${name.slice(0, 80)}" cannot be a name here: 1 to 63 of a-z, 0-9 and "-", not "-" at either end, and not "${everyFunction}".`,
  );

const tooMany = (name: string): HostError =>
  new HostError(
    'too_large',
    'network.too_many_endpoints',
    `The network "${name}" has ${endpointsLimit} endpoints, which is the limit.`,
  );
