import type { FastifyInstance } from 'fastify';
import { Type, type Static } from 'typebox';
import { HostError } from '../domain/errors.ts';
import { isName } from '../domain/ids.ts';
import type { KeyRecord, KeyRing, NewKey } from '../domain/key.ts';
import { actions } from '../domain/principal.ts';
import { parseRate, ratePattern, rateText, type UsageLimits } from '../domain/quota.ts';
import { acceptJson } from './json-bodies.ts';
import { forHost } from './route-access.ts';

export interface KeyRoutesOptions {
  readonly keys: KeyRing;
}

const scopeSchema = Type.Object(
  {
    action: Type.Enum([...actions]),
    pattern: Type.String({
      default: '*',
      pattern: '^[a-z0-9*][a-z0-9*./_-]{0,127}$',
      description: 'The names it holds for; * is any text.',
    }),
  },
  { additionalProperties: false },
);

const limits = {
  rate: Type.Optional(
    Type.String({
      pattern: ratePattern,
      description: 'Requests a second, minute or hour: 100/s. No limit, when absent.',
    }),
  ),
  concurrency: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 100_000,
      description: 'Requests under way at once. No limit, when absent.',
    }),
  ),
};
const limitsSchema = Type.Object(limits, { additionalProperties: false });

const createSchema = Type.Object(
  {
    id: Type.String({ description: '1 to 63 of a-z, 0-9 and "-".' }),
    scopes: Type.Array(scopeSchema, { minItems: 1, maxItems: 50 }),
    expiresAt: Type.Optional(Type.String({ description: 'ISO 8601; never, when absent.' })),
    ...limits,
  },
  { additionalProperties: false },
);

const rotateSchema = Type.Object(
  {
    overlapMs: Type.Integer({
      default: 0,
      minimum: 0,
      maximum: 30 * 24 * 3_600_000,
      description: 'How long the present secret opens beside the new one.',
    }),
  },
  { additionalProperties: false },
);

interface ById {
  readonly Params: { readonly id: string };
}

/** Keys, `/v1/keys…`. A secret is in the answer that makes it and nowhere else. */
export function keyRoutes(app: FastifyInstance, { keys }: KeyRoutesOptions): void {
  const config = forHost('admin');
  acceptJson(app);

  app.get('/v1/keys', { config }, () => ({
    keys: keys
      .list()
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .map(keyView),
  }));

  app.post<{ Body: Static<typeof createSchema> }>(
    '/v1/keys',
    { config, schema: { body: createSchema } },
    async (request, reply) => {
      const { id, scopes, expiresAt } = request.body;
      if (!isName(id)) throw badId(id);
      const made = await keys.create(
        id,
        scopes,
        expiresAt === undefined ? undefined : futureDate(expiresAt),
        limitsOf(request.body),
      );
      return reply.code(201).send(newKeyView(made));
    },
  );

  app.put<ById & { Body: Static<typeof limitsSchema> }>(
    '/v1/keys/:id/limits',
    { config, schema: { body: limitsSchema } },
    async (request) => keyView(await keys.limit(request.params.id, limitsOf(request.body))),
  );

  app.post<ById & { Body: Static<typeof rotateSchema> }>(
    '/v1/keys/:id/rotations',
    { config, schema: { body: rotateSchema } },
    async (request) => newKeyView(await keys.rotate(request.params.id, request.body.overlapMs)),
  );

  app.delete<ById>('/v1/keys/:id', { config }, async (request, reply) => {
    const { id } = request.params;
    if (await keys.remove(id)) return reply.code(204).send();
    throw new HostError('not_found', 'keys.not_found', `There is no key "${id.slice(0, 80)}".`);
  });
}

const keyView = ({ name, scopes, limits, createdAt, expiresAt, secrets }: KeyRecord) => ({
  id: name,
  scopes,
  ...(limits?.rate ? { rate: rateText(limits.rate) } : {}),
  ...(limits?.concurrency === undefined ? {} : { concurrency: limits.concurrency }),
  createdAt,
  expiresAt,
  secretCreatedAt: secrets[0]?.createdAt,
});

const newKeyView = ({ record, secret }: NewKey) => ({ ...keyView(record), secret });

function limitsOf({ rate: text, concurrency }: Static<typeof limitsSchema>): UsageLimits {
  const rate = text === undefined ? undefined : parseRate(text);
  return { ...(rate ? { rate } : {}), ...(concurrency === undefined ? {} : { concurrency }) };
}

function futureDate(text: string): Date {
  const date = new Date(text);
  if (date.getTime() > Date.now()) return date;
  throw new HostError(
    'invalid',
    'keys.bad_expiry',
    `"${text.slice(0, 80)}" is not a time to come, such as 2030-01-31T12:00:00Z.`,
  );
}

const badId = (id: string): HostError =>
  new HostError(
    'invalid',
    'keys.bad_id',
    `"${id.slice(0, 80)}" cannot be a key's id: use 1 to 63 of a-z, 0-9 and "-".`,
  );
