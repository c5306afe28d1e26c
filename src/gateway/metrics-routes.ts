import type { FastifyInstance } from 'fastify';
import type { MetricsPage } from '../domain/metrics.ts';
import { forHost } from './route-access.ts';

export interface MetricsRoutesOptions {
  readonly metrics: MetricsPage;
}

/** `GET /metrics` for Prometheus, which sends a key with `authorization` in its configuration. */
export function metricsRoutes(app: FastifyInstance, { metrics }: MetricsRoutesOptions): void {
  app.get('/metrics', { config: forHost('read') }, async (_request, reply) => {
    return reply.type(metrics.contentType).send(await metrics.render());
  });
}
