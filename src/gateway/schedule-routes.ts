import type { FastifyInstance } from 'fastify';
import { Type, type Static } from 'typebox';
import { can } from '../domain/principal.ts';
import type { PlannedRun, Schedules, ScheduleView } from '../domain/schedule.ts';
import { forNamed, forSome } from './route-access.ts';

export interface ScheduleRoutesOptions {
  readonly schedules: Schedules;
}

/** `name` is the function's: what a key has its rights for. */
interface BySchedule {
  readonly Params: { readonly name: string; readonly schedule: string };
}

const countSchema = Type.Object({
  count: Type.Integer({ default: 10, minimum: 1, maximum: 100, description: 'How many.' }),
});

/** Schedules, `/v1/schedules…`. They are made and removed with their functions. */
export function scheduleRoutes(app: FastifyInstance, { schedules }: ScheduleRoutesOptions): void {
  const path = '/v1/schedules/:name/:schedule';

  app.get('/v1/schedules', { config: forSome('read') }, async ({ principal }) => {
    const all = await schedules.list();
    return {
      schedules: all
        .filter(({ functionName }) => can(principal, 'read', functionName))
        .map(scheduleView),
    };
  });

  app.get<BySchedule & { Querystring: Static<typeof countSchema> }>(
    `${path}/next`,
    { config: forNamed('read'), schema: { querystring: countSchema } },
    ({ params: { name, schedule }, query: { count } }) => ({
      next: schedules.next(name, schedule, count).map(isoTime),
    }),
  );

  app.get<BySchedule>(
    `${path}/history`,
    { config: forNamed('read') },
    async ({ params: { name, schedule } }) => {
      const runs = await schedules.history(name, schedule);
      return { runs: runs.map(runView) };
    },
  );

  app.post<BySchedule>(
    `${path}/pause`,
    { config: forNamed('deploy') },
    async ({ params: { name, schedule } }, reply) => {
      await schedules.pause(name, schedule);
      return reply.code(204).send();
    },
  );

  app.post<BySchedule>(
    `${path}/resume`,
    { config: forNamed('deploy') },
    async ({ params: { name, schedule } }, reply) => {
      await schedules.resume(name, schedule);
      return reply.code(204).send();
    },
  );

  app.post<BySchedule>(
    `${path}/trigger`,
    { config: forNamed('invoke') },
    async ({ params: { name, schedule } }, reply) => {
      const id = await schedules.trigger(name, schedule);
      return reply.code(202).header('location', `/v1/invocations/${id}`).send({ invocationId: id });
    },
  );
}

const isoTime = (ms: number): string => new Date(ms).toISOString();

const scheduleView = ({ functionName, trigger, isPaused, nextMs }: ScheduleView) => {
  const { startMs, endMs, ...rest } = trigger;
  return {
    function: functionName,
    ...rest,
    start: startMs === undefined ? null : isoTime(startMs),
    end: endMs === undefined ? null : isoTime(endMs),
    isPaused,
    next: nextMs === undefined ? null : isoTime(nextMs),
  };
};

const runView = ({ plannedMs, decidedMs, ...rest }: PlannedRun & { readonly state?: string }) => ({
  planned: isoTime(plannedMs),
  decided: isoTime(decidedMs),
  ...rest,
});
