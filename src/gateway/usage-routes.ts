import type { FastifyInstance } from 'fastify';
import { Type, type Static } from 'typebox';
import { HostError } from '../domain/errors.ts';
import { can } from '../domain/principal.ts';
import { usageDay, type UsageLedger, type UsageRow } from '../domain/usage.ts';
import { forSome } from './route-access.ts';

export interface UsageRoutesOptions {
  readonly usage: UsageLedger;
}

const dayMs = 24 * 3600 * 1000;

/** As long as days are kept. */
const longestDays = 400;

const day = Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$', description: 'Such as 2026-01-31.' });

const querySchema = Type.Object({
  from: Type.Optional(day),
  to: Type.Optional(day),
  format: Type.Enum(['json', 'csv'], { default: 'json' }),
});

/** `GET /v1/usage`: what functions used, by day. A key sees those that it may read. */
export function usageRoutes(app: FastifyInstance, { usage }: UsageRoutesOptions): void {
  app.get<{ Querystring: Static<typeof querySchema> }>(
    '/v1/usage',
    { config: forSome('read'), schema: { querystring: querySchema } },
    async ({ query, principal }, reply) => {
      const { from, to } = span(query);
      const rows = (await usage.between(from, to)).filter(({ functionName }) =>
        can(principal, 'read', functionName),
      );
      if (query.format === 'json') return { from, to, usage: rows };
      return reply.type('text/csv; charset=utf-8').send(csv(rows));
    },
  );
}

/** The last thirty days, where nothing else is asked for. */
function span({ from, to }: Static<typeof querySchema>): { from: string; to: string } {
  const last = to ?? usageDay(Date.now());
  const first = from ?? usageDay((Date.parse(last) || 0) - 29 * dayMs);
  const days = (Date.parse(last) - Date.parse(first)) / dayMs + 1;
  if (days >= 1 && days <= longestDays) return { from: first, to: last };
  throw new HostError(
    'invalid',
    'gateway.invalid_days',
    `"from" and "to" are days such as 2026-01-31, in this order and at most ${longestDays} apart.`,
  );
}

function csv(rows: readonly UsageRow[]): string {
  const lines = rows.map(({ day: of, functionName, ...used }) => {
    const { invocations, failures, gbSeconds, cpuSeconds, egressBytes } = used;
    return [of, functionName, invocations, failures, gbSeconds, cpuSeconds, egressBytes].join(',');
  });
  const head = 'day,function,invocations,failures,gb_seconds,cpu_seconds,egress_bytes';
  return [head, ...lines, ''].join('\r\n');
}
