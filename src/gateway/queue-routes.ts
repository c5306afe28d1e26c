import type { FastifyInstance } from 'fastify';
import { Type, type Static } from 'typebox';
import { HostError } from '../domain/errors.ts';
import type {
  DeadLetterFilter,
  EventQueueControl,
  EventQueueState,
} from '../domain/event-queue-control.ts';
import type { FunctionStore } from '../domain/function.ts';
import { can } from '../domain/principal.ts';
import type { RecordStore } from '../domain/record-store.ts';
import { webhookQueue, type WebhookRecord } from '../domain/webhook.ts';
import { invocationDetails } from './invocation-record-views.ts';
import { acceptJson } from './json-bodies.ts';
import { forNamed, forSome } from './route-access.ts';

export interface QueueRoutesOptions {
  readonly functions: FunctionStore;
  readonly webhooks: RecordStore<WebhookRecord>;
  readonly eventQueues: EventQueueControl;
}

const limitOf = (most: number, usual: number) =>
  Type.Integer({ minimum: 1, maximum: most, default: usual, description: 'The oldest so many.' });

const listSchema = Type.Object({
  reason: Type.Optional(Type.String({ description: 'The reason begins with this.' })),
  limit: limitOf(1_000, 100),
});

const filterSchema = Type.Object(
  {
    ids: Type.Optional(Type.Array(Type.String(), { maxItems: 1_000 })),
    reason: Type.Optional(Type.String({ description: 'The reason begins with this.' })),
    limit: limitOf(100_000, 100_000),
  },
  { additionalProperties: false },
);

const purgeSchema = Type.Object(
  {
    what: Type.Enum(['queued', 'dead-letters'], { description: 'What is thrown away.' }),
    ids: filterSchema.properties.ids,
    reason: filterSchema.properties.reason,
  },
  { additionalProperties: false },
);

interface ByName {
  readonly Params: { readonly name: string };
}

/** Event queues by the name of their function, `/v1/queues…`, and their dead letters. */
export function queueRoutes(
  app: FastifyInstance,
  { functions, webhooks, eventQueues }: QueueRoutesOptions,
): void {
  acceptJson(app);

  /** A function that was removed may still have a queue with dead letters; names are checked only. */
  const one = async (name: string) => {
    const [state] = await eventQueues.states([name]);
    if (state && (functions.get(name) || isUsed(state))) return state;
    throw new HostError(
      'not_found',
      'gateway.no_queue',
      `There is no queue "${name.slice(0, 80)}".`,
    );
  };

  app.get('/v1/queues', { config: forSome('read') }, async ({ principal }) => {
    const names = [
      ...functions.list().map(({ name }) => name),
      ...webhooks.list().map(({ name }) => webhookQueue(name)),
    ]
      .filter((name) => can(principal, 'read', name))
      .toSorted();
    const states = await eventQueues.states(names);
    return { queues: states.filter(isUsed).map(queueView) };
  });

  app.get<ByName>('/v1/queues/:name', { config: forNamed('read') }, async ({ params }) =>
    queueView(await one(params.name)),
  );

  app.get<ByName & { Querystring: Static<typeof listSchema> }>(
    '/v1/queues/:name/dead-letters',
    { config: forNamed('read'), schema: { querystring: listSchema } },
    async ({ params, query }) => {
      const letters = await eventQueues.deadLetters(params.name, given(query));
      return { deadLetters: letters.map((record) => invocationDetails(record, undefined)) };
    },
  );

  for (const verb of ['pause', 'resume'] as const) {
    app.post<ByName>(
      `/v1/queues/:name/${verb}`,
      { config: forNamed('deploy') },
      async ({ params: { name } }) => {
        await one(name);
        await eventQueues[verb](name);
        return queueView(await one(name));
      },
    );
  }

  app.post<ByName & { Body: Static<typeof filterSchema> }>(
    '/v1/queues/:name/redrive',
    { config: forNamed('invoke'), schema: { body: filterSchema } },
    async ({ params, body }) => ({ redriven: await eventQueues.redrive(params.name, given(body)) }),
  );

  app.post<ByName & { Body: Static<typeof purgeSchema> }>(
    '/v1/queues/:name/purge',
    { config: forNamed('deploy'), schema: { body: purgeSchema } },
    async ({ params: { name }, body: { what, ...filter } }) => ({
      purged:
        what === 'queued'
          ? await eventQueues.cancelQueued(name)
          : await eventQueues.forget(name, given({ ...filter, limit: 100_000 })),
    }),
  );
}

const isUsed = ({ queued, running, deadLetters, isPaused }: EventQueueState): boolean =>
  queued + running + deadLetters > 0 || isPaused;

const queueView = ({ functionName, isPaused, oldestMs, ...counts }: EventQueueState) => ({
  name: functionName,
  state: isPaused ? 'paused' : 'active',
  ...counts,
  ...(oldestMs === undefined ? {} : { oldestAcceptedAt: new Date(oldestMs).toISOString() }),
});

function given({ ids, reason, limit }: Static<typeof filterSchema>): DeadLetterFilter {
  return {
    limit,
    ...(ids === undefined ? {} : { ids }),
    ...(reason === undefined ? {} : { reason }),
  };
}
