import type { FastifyInstance } from 'fastify';
import { Type, type Static } from 'typebox';
import { HostError } from '../domain/errors.ts';
import { functionsWhoseLive, type FunctionStore } from '../domain/function.ts';
import {
  secretsNeeded,
  type MasterKeyRotation,
  type SecretRecord,
  type SecretVault,
} from '../domain/secret.ts';
import { acceptJson } from './json-bodies.ts';
import { forHost } from './route-access.ts';

export interface SecretRoutesOptions {
  readonly functions: FunctionStore;
  readonly secrets: SecretVault;
  readonly masterKey: MasterKeyRotation;
}

/** As large as what a function may have of them together reasonably is: a few certificates. */
const valueLimit = 32 * 1024;

const secretSchema = Type.Object(
  {
    value: Type.String({ minLength: 1, maxLength: valueLimit, pattern: '^[^\\0]*$' }),
    functions: Type.Array(Type.String({ pattern: '^(webhook\\.)?[a-z0-9*][a-z0-9*-]{0,62}$' }), {
      default: ['*'],
      minItems: 1,
      maxItems: 50,
      description: 'Names of the functions that may have it; * is any text.',
    }),
  },
  { additionalProperties: false },
);

const nameSchema = Type.Object({
  name: Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]{0,127}$' }),
});

interface ByName {
  readonly Params: Static<typeof nameSchema>;
}

/** Secrets, `/v1/secrets…`. Values go in and never come out. */
export function secretRoutes(app: FastifyInstance, options: SecretRoutesOptions): void {
  const { functions, secrets, masterKey } = options;
  const config = forHost('admin');
  acceptJson(app, 4 * valueLimit);

  app.get('/v1/secrets', { config }, () => ({
    secrets: secrets
      .list()
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .map(secretView),
  }));

  app.put<ByName & { Body: Static<typeof secretSchema> }>(
    '/v1/secrets/:name',
    { config, schema: { params: nameSchema, body: secretSchema } },
    async (request) => {
      const { value, functions: patterns } = request.body;
      return secretView(await secrets.set(request.params.name, value, patterns));
    },
  );

  app.delete<ByName>('/v1/secrets/:name', { config }, async (request, reply) => {
    const { name } = request.params;
    requireUnused(name, functions);
    if (await secrets.remove(name)) return reply.code(204).send();
    throw new HostError(
      'not_found',
      'secrets.not_found',
      `There is no secret "${name.slice(0, 128)}".`,
    );
  });

  app.post('/v1/master-key/rotations', { config }, async () => ({
    resealed: await masterKey.rotate(),
  }));
}

const secretView = ({ name, functions, changedAt }: SecretRecord) => ({
  name,
  functions,
  changedAt,
});

/** Without it these functions would fail at their next start. */
function requireUnused(name: string, functions: FunctionStore): void {
  const users = functionsWhoseLive(functions, (spec) => secretsNeeded(spec).includes(name));
  if (users.length === 0) return;
  throw new HostError(
    'conflict',
    'secrets.in_use',
    `The secret "${name}" is used by ${users.slice(0, 5).join(', ')}: deploy without it first.`,
    { details: { functions: users } },
  );
}
