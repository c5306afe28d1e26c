import type { FastifyInstance } from 'fastify';
import { Type, type Static } from 'typebox';
import { cloudEvent } from '../domain/cloud-event.ts';
import { fitsPattern } from '../domain/fact-matching.ts';
import type { FactPattern } from '../domain/fact-pattern.ts';
import { factTexts, factTypes } from '../domain/fact-texts.ts';
import type { FactFeed, FactType, StreamedFact } from '../domain/facts.ts';
import { isVisibleTo } from './event-filter.ts';
import { forSome } from './route-access.ts';
import { EventStreams } from './server-sent-events.ts';

export interface EventRoutesOptions {
  readonly feed: FactFeed;
  /** The JSON Schema of the data of each type. */
  readonly factSchemas: Readonly<Record<FactType, object>>;
}

/** Facts that one who resumes is given at once; who has missed more asks again from there. */
const resumeLimit = 10_000;

const querySchema = Type.Object({
  type: Type.Optional(
    Type.String({ description: 'Types, separated by commas; `sandbox.*` is all of a kind.' }),
  ),
  function: Type.Optional(Type.String({ description: 'Only what concerns this function.' })),
});

interface EventsRequest {
  readonly Querystring: Static<typeof querySchema>;
  readonly Headers: { readonly 'last-event-id'?: string };
}

/** `GET /events`: the facts of the cluster as CloudEvents in server-sent events, those that the caller may read. */
export function eventRoutes(app: FastifyInstance, { feed, factSchemas }: EventRoutesOptions): void {
  const streams = new EventStreams(app);

  app.get('/v1/event-types', { config: forSome('read') }, () => ({
    types: factTypes.map((type) => ({
      type: `dev.hearth.${type}`,
      description: factTexts[type],
      data: factSchemas[type],
    })),
  }));

  app.get<EventsRequest>(
    '/events',
    { config: forSome('read'), schema: { querystring: querySchema } },
    async (request, reply) => {
      const { type, function: functionName } = request.query;
      const types = type === undefined ? [] : type.split(',');
      const match: FactPattern['match'] =
        functionName === undefined ? {} : { functionName: [functionName] };
      const lastId = request.headers['last-event-id'];
      // Subscribed before the kept ones are read: so that none falls between the two.
      const early: StreamedFact[] = [];
      let tell = (fact: StreamedFact): void => void early.push(fact);
      const unsubscribe = feed.subscribe((fact) => tell(fact));
      try {
        const kept = lastId === undefined ? [] : await feed.after(lastId, resumeLimit);
        const stream = streams.open(reply);
        tell = (streamed) => {
          if (!fitsPattern({ types, match }, streamed.fact)) return;
          if (!isVisibleTo(request.principal, streamed.fact)) return;
          stream.send({ id: streamed.id, event: streamed.fact.type, data: cloudEvent(streamed) });
        };
        const told = new Set(kept.map(({ id }) => id));
        for (const fact of kept) tell(fact);
        for (const fact of early) if (!told.has(fact.id)) tell(fact);
        stream.ended.addEventListener('abort', unsubscribe, { once: true });
        if (stream.ended.aborted) unsubscribe();
      } catch (error) {
        unsubscribe();
        throw error;
      }
    },
  );
}
