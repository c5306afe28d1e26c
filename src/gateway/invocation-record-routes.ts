import type { FastifyInstance } from 'fastify';
import { Type, type Static } from 'typebox';
import { randomUUID } from 'node:crypto';
import { asyncSettingsOf } from '../domain/async-settings.ts';
import { HostError } from '../domain/errors.ts';
import type { AsyncInvoker } from '../domain/event-queue.ts';
import { liveVersion, type FunctionStore } from '../domain/function.ts';
import { isEnded, type InvocationRecord } from '../domain/invocation-record.ts';
import type { InvocationRecords } from '../domain/invocation-records.ts';
import type { LogStore } from '../domain/log.ts';
import { can, type Action, type Principal } from '../domain/principal.ts';
import { parseDuration } from '../lib/units.ts';
import { logLine } from './function-views.ts';
import { invocationDetails, shownAnswerBytes } from './invocation-record-views.ts';
import { forSome } from './route-access.ts';
import { EventStreams } from './server-sent-events.ts';

export interface InvocationRecordRoutesOptions {
  readonly records: InvocationRecords;
  readonly invoker: AsyncInvoker;
  readonly functions: FunctionStore;
  readonly logs: Pick<LogStore, 'read' | 'follow'>;
}

/** A caller who wants to wait longer asks again. */
const longestWaitMs = 60_000;

const logLimit = 10_000;

const waitSchema = Type.Object({
  wait: Type.Optional(
    Type.String({ description: 'Answer when it has ended, at the latest after this: 30s.' }),
  ),
});

interface ById {
  readonly Params: { readonly id: string };
}

/**
 * What became of asynchronous invocations, `/v1/invocations/<id>…`: who may invoke a function may see
 * that, who may read it its logs.
 */
export function invocationRecordRoutes(
  app: FastifyInstance,
  { records, invoker, functions, logs }: InvocationRecordRoutesOptions,
): void {
  const mayInvoke = forSome('invoke');
  const mayRead = forSome('read');
  const streams = new EventStreams(app);

  const view = async (record: InvocationRecord) => {
    const { bytes = Infinity } = record.response ?? {};
    const answer = bytes <= shownAnswerBytes ? await records.answer(record.id) : undefined;
    return invocationDetails(record, answer);
  };

  app.get<ById & { Querystring: Static<typeof waitSchema> }>(
    '/v1/invocations/:id',
    { config: mayInvoke, schema: { querystring: waitSchema } },
    async ({ params: { id }, query, signal, principal }) => {
      const waitMs = query.wait === undefined ? 0 : waitOf(query.wait);
      const record =
        waitMs === 0
          ? await records.get(id)
          : await records.whenEnded(id, AbortSignal.any([signal, AbortSignal.timeout(waitMs)]));
      return await view(found(record, id, principal));
    },
  );

  app.get<ById>('/v1/invocations/:id/events', { config: mayInvoke }, async (request, reply) => {
    const { id } = request.params;
    found(await records.get(id), id, request.principal);
    const stream = streams.open(reply);
    try {
      for await (const record of records.changes(id, stream.ended)) {
        const { state: event, revision } = record;
        stream.send({ id: `${revision}`, event, data: await view(record) });
      }
    } finally {
      stream.close();
    }
  });

  app.get<ById>('/v1/invocations/:id/result', { config: mayInvoke }, async (request, reply) => {
    const { id } = request.params;
    const record = found(await records.get(id), id, request.principal);
    const answer = record.response && (await records.answer(id));
    if (!record.response || !answer) throw noResult(record);
    const type = record.response.headers.find(([name]) => name.toLowerCase() === 'content-type');
    return reply
      .type(type?.[1] ?? 'application/octet-stream')
      .header('content-security-policy', 'sandbox') // a function's own HTML is not ours
      .send(Buffer.from(answer));
  });

  app.get<ById>('/v1/invocations/:id/logs', { config: mayRead }, async ({ params, principal }) => {
    const { id } = params;
    const { functionName } = found(await records.get(id), id, principal, 'read');
    const entries = await logs.read({ functionName, invocationId: id, limit: logLimit });
    return { entries: entries.map(logLine) };
  });

  app.post<ById>('/v1/invocations/:id/replay', { config: mayInvoke }, async (request, reply) => {
    const { id: replayOf } = request.params;
    const replayed = found(await records.get(replayOf), replayOf, request.principal);
    const { functionName, head, destination } = replayed;
    const body = await records.body(replayOf);
    const deployed = functions.get(functionName);
    if (!body || !deployed) throw cannotReplay(replayOf);
    const id = randomUUID();
    const settings = destination ? replayed.settings : asyncSettingsOf(liveVersion(deployed).spec);
    const again = { id, functionName, source: 'replay', head, body, settings, replayOf } as const;
    await invoker.enqueue({ ...again, ...(destination ? { destination } : {}) });
    const record = found(await records.get(id), id, request.principal);
    return reply
      .code(202)
      .header('location', `/v1/invocations/${id}`)
      .send(await view(record));
  });

  app.delete<ById>('/v1/invocations/:id', { config: mayInvoke }, async (request, reply) => {
    const { id } = request.params;
    found(await records.get(id), id, request.principal);
    const record = found(await records.cancel(id), id, request.principal);
    if (record.state === 'done' || record.state === 'dead_letter') throw hasEnded(record);
    return reply.code(record.state === 'cancelled' ? 200 : 202).send(await view(record));
  });
}

function waitOf(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined) return Math.min(ms, longestWaitMs);
  throw new HostError('invalid', 'gateway.invalid_wait', `wait: "${text}" is not a time like 30s.`);
}

/** One of a function that is none of the caller's business is not told from one that never was. */
function found(
  record: InvocationRecord | undefined,
  id: string,
  principal: Principal,
  action: Action = 'invoke',
): InvocationRecord {
  if (record && can(principal, action, record.functionName)) return record;
  throw new HostError(
    'not_found',
    'gateway.no_invocation',
    `There is no record of an asynchronous invocation "${id.slice(0, 80)}"; perhaps it ended too long ago.`,
  );
}

const noResult = ({ id, state }: InvocationRecord): HostError =>
  isEnded(state)
    ? new HostError('not_found', 'gateway.no_result', `Invocation ${id} has no result: ${state}.`)
    : new HostError('conflict', 'gateway.not_ended', `Invocation ${id} has not ended: ${state}.`);

const cannotReplay = (id: string): HostError =>
  new HostError(
    'not_found',
    'gateway.cannot_replay',
    `Invocation ${id} cannot be replayed: its event or its function is not there any more.`,
  );

const hasEnded = ({ id, state }: InvocationRecord): HostError =>
  new HostError('conflict', 'gateway.has_ended', `Invocation ${id} has ended already: ${state}.`);
