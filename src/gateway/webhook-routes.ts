import type { FastifyInstance } from 'fastify';
import { Type, type Static } from 'typebox';
import { problemOfUrl } from '../config/function/destination.ts';
import { factPatternKeys, problemOfPattern } from '../config/function/event-trigger.ts';
import { HostError } from '../domain/errors.ts';
import { isName } from '../domain/ids.ts';
import type { RecordStore } from '../domain/record-store.ts';
import { webhookQueue, type WebhookRecord } from '../domain/webhook.ts';
import { acceptJson } from './json-bodies.ts';
import { forHost } from './route-access.ts';

export interface WebhookRoutesOptions {
  readonly webhooks: RecordStore<WebhookRecord>;
}

const newWebhookSchema = Type.Object(
  {
    name: Type.String(),
    url: Type.String({ maxLength: 2_000, description: 'http or https.' }),
    secret: Type.Optional(
      Type.String({ description: 'A secret for `webhook.<name>`, to sign with.' }),
    ),
    ...factPatternKeys,
  },
  { additionalProperties: false },
);

/** A gateway looks at each of them for each fact. */
const webhookLimit = 100;

interface ByName {
  readonly Params: { readonly name: string };
}

/** Who outside is told of facts, `/v1/webhooks…`: the administrator's, since facts are of everyone. */
export function webhookRoutes(app: FastifyInstance, { webhooks }: WebhookRoutesOptions): void {
  acceptJson(app);
  const config = forHost('admin');

  app.post<{ Body: Static<typeof newWebhookSchema> }>(
    '/v1/webhooks',
    { config, schema: { body: newWebhookSchema } },
    async ({ body: { name, url, secret, types, match = {} } }, reply) => {
      const problem = isName(name)
        ? (problemOfUrl(url) ?? problemOfPattern({ types, match }))
        : `"${name.slice(0, 80)}" is not a name: 1 to 63 of a-z, 0-9 and "-"`;
      if (problem !== undefined) throw invalid(problem);
      if (webhooks.get(name)) throw exists(name);
      if (webhooks.list().length >= webhookLimit) throw tooMany();
      const destination = { webhook: url, ...(secret === undefined ? {} : { secret }) };
      const createdAt = new Date().toISOString();
      const record = { name, revision: 1, destination, pattern: { types, match }, createdAt };
      await webhooks.put(record);
      return reply.code(201).send(webhookView(record));
    },
  );

  app.get('/v1/webhooks', { config }, () => ({
    webhooks: webhooks
      .list()
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .map(webhookView),
  }));

  app.delete<ByName>('/v1/webhooks/:name', { config }, async ({ params: { name } }, reply) => {
    if (!(await webhooks.remove(name))) throw noWebhook(name);
    return reply.code(204).send();
  });
}

const webhookView = ({ name, destination, pattern, createdAt }: WebhookRecord) => ({
  name,
  url: destination.webhook,
  ...(destination.secret === undefined ? {} : { secret: destination.secret }),
  ...pattern,
  queue: webhookQueue(name),
  createdAt,
});

const invalid = (problem: string): HostError =>
  new HostError('invalid', 'webhook.invalid', `The webhook is not valid: ${problem}.`);

const exists = (name: string): HostError =>
  new HostError(
    'conflict',
    'webhook.exists',
    `There is a webhook "${name}" already: remove it first.`,
  );

const tooMany = (): HostError =>
  new HostError(
    'conflict',
    'webhook.too_many',
    `There are ${webhookLimit} webhooks; no more can be.`,
  );

const noWebhook = (name: string): HostError =>
  new HostError('not_found', 'webhook.unknown', `There is no webhook "${name.slice(0, 80)}".`);
