import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type, type Static } from 'typebox';
import type { FunctionDeployer } from '../../domain/deployer.ts';
import { HostError } from '../../domain/errors.ts';
import {
  liveVersion,
  namedVersion,
  type FunctionRecord,
  type FunctionStore,
  type FunctionVersion,
} from '../../domain/function.ts';
import { functionArn } from '../../domain/function-arn.ts';
import { can, type Action } from '../../domain/principal.ts';
import { acceptJson } from '../json-bodies.ts';
import { forSome, type RouteAccess } from '../route-access.ts';
import {
  aliasConfiguration,
  functionCode,
  functionConfiguration,
} from './function-configuration.ts';
import { parseLambdaName } from './lambda-function-name.ts';
import { pageOf } from './lambda-pages.ts';

export interface LambdaRoutesOptions {
  readonly functions: FunctionStore;
  readonly deployer: FunctionDeployer;
}

const pageSchema = Type.Object({
  MaxItems: Type.Integer({ default: 50, minimum: 1, maximum: 10_000 }),
  Marker: Type.String({ default: '', description: 'The `NextMarker` of the page before.' }),
});

const qualifierSchema = Type.Object({
  Qualifier: Type.Optional(Type.String({ description: 'A version number or an alias.' })),
});

/** What AWS's clients send beside these is not looked at. */
const aliasSchema = Type.Object({
  Name: Type.Optional(Type.String()),
  FunctionVersion: Type.String({ description: 'A version number, or $LATEST.' }),
  RoutingConfig: Type.Optional(
    Type.Object({ AdditionalVersionWeights: Type.Optional(Type.Object({})) }),
  ),
});

type Page = Static<typeof pageSchema>;

interface Named {
  readonly Params: { readonly name: string };
  readonly Querystring: Static<typeof qualifierSchema>;
}

interface ByAlias {
  readonly Params: { readonly name: string; readonly alias: string };
  readonly Body: Static<typeof aliasSchema>;
}

const prefix = '/2015-03-31/functions';

/**
 * Functions by AWS Lambda's API, for its SDKs with `endpoint` set to this host. What AWS calls
 * `$LATEST` is what serves; every deploy publishes a version.
 */
export function lambdaRoutes(app: FastifyInstance, options: LambdaRoutesOptions): void {
  const { functions, deployer } = options;
  acceptJson(app);

  const list = { config: forSome('read'), schema: { querystring: pageSchema } };
  for (const url of [prefix, `${prefix}/`]) {
    app.get<{ Querystring: Page }>(url, list, ({ principal, query }) => {
      const visible = functions.list().filter(({ name }) => can(principal, 'read', name));
      const sorted = visible.toSorted((a, b) => (a.name < b.name ? -1 : 1));
      const { items, ...next } = pageOf(sorted, query, ({ name }) => name);
      return {
        Functions: items.map((record) => functionConfiguration(record, liveVersion(record))),
        ...next,
      };
    });
  }

  const one = { config: forFunction('read'), schema: { querystring: qualifierSchema } };
  app.get<Named>(`${prefix}/:name`, one, (request) => {
    const { record, version, qualifier } = found(functions, request);
    return {
      Configuration: functionConfiguration(record, version, qualifier),
      Code: functionCode(record, version, request.host),
    };
  });

  app.get<Named>(`${prefix}/:name/configuration`, one, (request) => {
    const { record, version, qualifier } = found(functions, request);
    return functionConfiguration(record, version, qualifier);
  });

  const pages = { config: forFunction('read'), schema: { querystring: pageSchema } };
  app.get<Named & { Querystring: Page }>(`${prefix}/:name/versions`, pages, (request) => {
    const { record, version } = found(functions, request);
    const all = [
      functionConfiguration(record, version),
      ...record.versions.map((one) => functionConfiguration(record, one, String(one.number))),
    ];
    const { items, ...next } = pageOf(all, request.query, ({ Version }) => Version);
    return { Versions: items, ...next };
  });

  // Each deploy has published its version: the one that serves is the newest that there can be.
  app.post<Named>(
    `${prefix}/:name/versions`,
    { config: forFunction('deploy') },
    (request, reply) => {
      const { record, version } = found(functions, request);
      const published = functionConfiguration(record, version, String(version.number));
      return reply.code(201).send(published);
    },
  );

  app.delete<Named>(
    `${prefix}/:name`,
    { config: forFunction('deploy'), schema: { querystring: qualifierSchema } },
    async (request, reply) => {
      const { name, qualifier } = nameOf(request);
      if (qualifier !== undefined) throw unsupported('Qualifier', 'versions are not removed');
      if (!(await deployer.remove(name))) throw noFunction(name);
      return reply.code(204).send();
    },
  );

  app.get<Named & { Querystring: Page }>(`${prefix}/:name/aliases`, pages, (request) => {
    const { record } = found(functions, request);
    const names = Object.keys(record.aliases ?? {}).toSorted();
    const { items, ...next } = pageOf(names, request.query, (alias) => alias);
    return { Aliases: items.map((alias) => aliasOf(record, alias)), ...next };
  });

  app.get<ByAlias>(`${prefix}/:name/aliases/:alias`, { config: forFunction('read') }, (request) =>
    aliasOf(found(functions, request).record, request.params.alias),
  );

  const writing = { config: forFunction('deploy'), schema: { body: aliasSchema } };
  app.post<ByAlias>(`${prefix}/:name/aliases`, writing, async (request, reply) => {
    const { record } = found(functions, request);
    const { Name: alias = '' } = request.body;
    if (Object.hasOwn(record.aliases ?? {}, alias)) throw aliasExists(record.name, alias);
    const changed = await setAlias(record, alias, request.body);
    return reply.code(201).send(changed);
  });

  app.put<ByAlias>(`${prefix}/:name/aliases/:alias`, writing, async (request) => {
    const { record } = found(functions, request);
    const { alias } = request.params;
    aliasOf(record, alias); // there has to be one
    return await setAlias(record, alias, request.body);
  });

  app.delete<ByAlias>(
    `${prefix}/:name/aliases/:alias`,
    { config: forFunction('deploy') },
    async (request, reply) => {
      await deployer.setAlias(nameOf(request).name, request.params.alias, undefined);
      return reply.code(204).send();
    },
  );

  async function setAlias(
    { name }: FunctionRecord,
    alias: string,
    { FunctionVersion: version, RoutingConfig: routing }: ByAlias['Body'],
  ) {
    if (Object.keys(routing?.AdditionalVersionWeights ?? {}).length > 0) {
      throw unsupported('RoutingConfig', 'split the traffic with "hearth traffic"');
    }
    const named = version === '$LATEST' ? 'live' : version;
    return aliasOf(await deployer.setAlias(name, alias, named), alias);
  }
}

/** The right for the function that the path names, in whichever of AWS's ways. */
export const forFunction = (action: Action): { access: RouteAccess } => ({
  access: { action, name: (request) => nameOf(request).name },
});

/** `Qualifier` is for those routes that know it. */
export const nameOf = ({ params, query }: Pick<FastifyRequest, 'params' | 'query'>) =>
  parseLambdaName(
    (params as Named['Params']).name,
    (query as Partial<Named['Querystring']>).Qualifier,
  );

function found(
  functions: FunctionStore,
  request: Pick<FastifyRequest, 'params' | 'query'>,
): {
  readonly record: FunctionRecord;
  readonly version: FunctionVersion;
  readonly qualifier: string | undefined;
} {
  const { name, qualifier } = nameOf(request);
  const record = functions.get(name);
  if (!record) throw noFunction(name);
  const version = qualifier === undefined ? liveVersion(record) : namedVersion(record, qualifier);
  if (!version) throw noFunction(name, qualifier);
  return { record, version, qualifier };
}

function aliasOf(record: FunctionRecord, alias: string) {
  const isAlias = Object.hasOwn(record.aliases ?? {}, alias);
  const version = isAlias ? namedVersion(record, alias) : undefined;
  if (!version) throw notFound(`Cannot find alias arn: ${functionArn(record.name, alias)}`);
  return aliasConfiguration(record, alias, version);
}

const noFunction = (name: string, qualifier?: string): HostError =>
  notFound(`Function not found: ${functionArn(name.slice(0, 80), qualifier?.slice(0, 80))}`);

const notFound = (message: string): HostError =>
  new HostError('not_found', 'gateway.no_function', message);

const aliasExists = (name: string, alias: string): HostError =>
  new HostError(
    'conflict',
    'lambda.alias_exists',
    `Alias already exists: ${functionArn(name, alias)}`,
  );

const unsupported = (member: string, why: string): HostError =>
  new HostError('invalid', 'lambda.unsupported', `${member} is not supported here: ${why}.`);
