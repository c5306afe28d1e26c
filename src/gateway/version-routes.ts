import type { FastifyInstance } from 'fastify';
import { Type, type Static } from 'typebox';
import type { FunctionDeployer } from '../domain/deployer.ts';
import { HostError } from '../domain/errors.ts';
import type { FunctionStore } from '../domain/function.ts';
import { versionsView } from './function-views.ts';
import { acceptJson } from './json-bodies.ts';
import { forNamed } from './route-access.ts';

export interface VersionRoutesOptions {
  readonly functions: FunctionStore;
  readonly deployer: FunctionDeployer;
}

const strict = { additionalProperties: false };
const versionName = Type.String({
  minLength: 1,
  maxLength: 63,
  description: 'A number, an alias, live or latest.',
});

const canarySchema = Type.Object(
  {
    next: Type.Array(Type.Integer({ minimum: 1, maximum: 99 }), {
      maxItems: 20,
      default: [],
      description: 'Percents to come, rising; after the last one the version is live.',
    }),
    everyMs: Type.Integer({ minimum: 1_000, maximum: 7 * 86_400_000, default: 300_000 }),
    maxErrorPercent: Type.Number({
      minimum: 0,
      maximum: 100,
      default: 2,
      description: 'So many percent more may fail than of the live version.',
    }),
    maxSlowdown: Type.Number({
      minimum: 1,
      maximum: 1000,
      default: 2,
      description: "Its 95th percentile of run times may be so many times the live version's.",
    }),
  },
  { ...strict, description: 'It grows by itself, or goes when the version does worse.' },
);

const trafficSchema = Type.Object(
  {
    live: versionName,
    split: Type.Optional(
      Type.Object(
        {
          version: versionName,
          percent: Type.Integer({ minimum: 1, maximum: 99, description: 'Of all invocations.' }),
          stickyBy: Type.Optional(
            Type.Object(
              {
                kind: Type.Enum(['header', 'cookie']),
                name: Type.String({ pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$" }),
              },
              strict,
            ),
          ),
          canary: Type.Optional(canarySchema),
        },
        strict,
      ),
    ),
  },
  strict,
);

const aliasSchema = Type.Object({ version: versionName }, strict);

interface ByName {
  readonly Params: { readonly name: string };
}

interface ByAlias {
  readonly Params: { readonly name: string; readonly alias: string };
}

/** Which versions there are and which serve. */
export function versionRoutes(app: FastifyInstance, options: VersionRoutesOptions): void {
  const { functions, deployer } = options;
  acceptJson(app);

  app.get<ByName>('/v1/functions/:name/versions', { config: forNamed('read') }, ({ params }) => {
    const record = functions.get(params.name);
    if (record) return versionsView(record);
    throw new HostError(
      'not_found',
      'gateway.no_function',
      `There is no function "${params.name.slice(0, 80)}".`,
    );
  });

  app.put<ByName & { Body: Static<typeof trafficSchema> }>(
    '/v1/functions/:name/traffic',
    { config: forNamed('deploy'), schema: { body: trafficSchema } },
    async ({ params, body }) => versionsView(await deployer.setTraffic(params.name, body)),
  );

  app.post<ByName>(
    '/v1/functions/:name/rollback',
    { config: forNamed('deploy') },
    async ({ params }) => versionsView(await deployer.rollback(params.name)),
  );

  app.put<ByAlias & { Body: Static<typeof aliasSchema> }>(
    '/v1/functions/:name/aliases/:alias',
    { config: forNamed('deploy'), schema: { body: aliasSchema } },
    async ({ params: { name, alias }, body }) =>
      versionsView(await deployer.setAlias(name, alias, body.version)),
  );

  app.delete<ByAlias>(
    '/v1/functions/:name/aliases/:alias',
    { config: forNamed('deploy') },
    async ({ params: { name, alias } }) =>
      versionsView(await deployer.setAlias(name, alias, undefined)),
  );
}
