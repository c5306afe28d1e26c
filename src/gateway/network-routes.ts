import type { FastifyInstance } from 'fastify';
import { Type, type Static } from 'typebox';
import { parseEgressEntry } from '../config/function/egress-entry.ts';
import { HostError } from '../domain/errors.ts';
import { functionsWhoseLive, type FunctionStore } from '../domain/function.ts';
import { can } from '../domain/principal.ts';
import type { NetworkEndpoint, NetworkRecord, PrivateNetworks } from '../domain/private-network.ts';
import type { RecordStore } from '../domain/record-store.ts';
import { requireRight } from './callers.ts';
import { acceptJson } from './json-bodies.ts';
import { forNamed, forSome } from './route-access.ts';

export interface NetworkRoutesOptions {
  readonly networks: PrivateNetworks;
  readonly networkRecords: Pick<RecordStore<NetworkRecord>, 'get' | 'list'>;
  readonly functions: FunctionStore;
}

interface ByName {
  readonly Params: { readonly name: string };
}
interface ByEndpoint {
  readonly Params: { readonly name: string; readonly endpoint: string };
}

const strict = { additionalProperties: false };
const newNetworkSchema = Type.Object({ name: Type.String() }, strict);
const endpointSchema = Type.Object(
  {
    target: Type.String({
      description: 'Such as 10.0.0.5:5432, [fd00::5]:53/udp or db.corp:5432.',
    }),
  },
  strict,
);
const removalSchema = Type.Object({
  force: Type.Boolean({ default: false, description: 'Also while functions are on it.' }),
});

/**
 * Management of private networks, `/v1/networks…`. What an endpoint opens is closed to functions
 * otherwise, so it takes the right `admin` for the network.
 */
export function networkRoutes(app: FastifyInstance, options: NetworkRoutesOptions): void {
  const { networks, networkRecords, functions } = options;

  acceptJson(app);

  app.post<{ Body: Static<typeof newNetworkSchema> }>(
    '/v1/networks',
    { config: forSome('admin'), schema: { body: newNetworkSchema } },
    async ({ principal, body: { name } }, reply) => {
      requireRight(principal, 'admin', name);
      return reply.code(201).send(networkView(await networks.create(name)));
    },
  );

  app.get('/v1/networks', { config: forSome('read') }, ({ principal }) => ({
    networks: networkRecords
      .list()
      .filter(({ name }) => can(principal, 'read', name))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .map(networkView),
  }));

  app.get<ByName>('/v1/networks/:name', { config: forNamed('read') }, ({ params: { name } }) => {
    const record = networkRecords.get(name);
    if (!record) throw noNetwork(name);
    return { ...networkView(record), functions: functionsOn(functions, name) };
  });

  app.delete<ByName & { Querystring: Static<typeof removalSchema> }>(
    '/v1/networks/:name',
    { config: forNamed('admin'), schema: { querystring: removalSchema } },
    async ({ params: { name }, query: { force } }, reply) => {
      const users = functionsOn(functions, name);
      if (users.length > 0 && !force) throw usedBy(name, users);
      await networks.remove(name);
      return reply.code(204).send();
    },
  );

  app.put<ByEndpoint & { Body: Static<typeof endpointSchema> }>(
    '/v1/networks/:name/endpoints/:endpoint',
    { config: forNamed('admin'), schema: { body: endpointSchema } },
    async ({ params: { name, endpoint }, body: { target } }) =>
      networkView(await networks.attach(name, { name: endpoint, ...parseTarget(target) })),
  );

  app.delete<ByEndpoint>(
    '/v1/networks/:name/endpoints/:endpoint',
    { config: forNamed('admin') },
    async ({ params: { name, endpoint } }, reply) => {
      await networks.detach(name, endpoint);
      return reply.code(204).send();
    },
  );
}

const networkView = ({ name, endpoints, createdAt }: NetworkRecord) => ({
  name,
  endpoints: endpoints
    .map((endpoint) => ({
      name: endpoint.name,
      host: endpoint.host,
      port: endpoint.port,
      protocol: endpoint.protocol,
      reachedAs: `${endpoint.name}.${name}.internal`,
    }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  createdAt,
});

/** As an entry of `network.egress` that means one place. */
function parseTarget(text: string): Omit<NetworkEndpoint, 'name'> {
  const rule = parseEgressEntry(text);
  if (typeof rule !== 'string' && rule.to.kind !== 'any') {
    const { to, protocol, ports } = rule;
    const host = to.kind === 'name' ? to.name : to.range;
    const isOnePlace = ports[0] === ports[1] && !/[*/]/.test(host);
    if (isOnePlace) return { host, protocol, port: ports[0] };
  }
  throw new HostError(
    'invalid',
    'network.invalid_target',
    `"${text.slice(0, 200)}" is not one address or name and one port, such as 10.0.0.5:5432, [fd00::5]:53/udp or db.example.com:5432.`,
  );
}

/** Functions whose live version is on it. */
const functionsOn = (functions: FunctionStore, name: string): readonly string[] =>
  functionsWhoseLive(functions, ({ network }) => network?.networks?.includes(name) ?? false);

const noNetwork = (name: string): HostError =>
  new HostError('not_found', 'network.unknown', `There is no network "${name.slice(0, 80)}".`);

const usedBy = (name: string, users: readonly string[]): HostError =>
  new HostError(
    'conflict',
    'network.has_functions',
    `On the network "${name}" are ${users.join(', ')}: remove them first, or force it.`,
    { details: { functions: users } },
  );
