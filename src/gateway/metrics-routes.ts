import type { FastifyInstance } from 'fastify';
import type { MetricsPage } from '../domain/metrics.ts';
import type { Authenticator } from '../domain/principal.ts';
import { requireKey } from './require-key.ts';

export interface MetricsRoutesOptions {
  readonly metrics: MetricsPage;
  readonly authenticator: Authenticator;
}

/** `GET /metrics` for Prometheus, which sends a key with `authorization` in its configuration. */
export function metricsRoutes(app: FastifyInstance, options: MetricsRoutesOptions): void {
  const { metrics, authenticator } = options;
  app.get('/metrics', async (request, reply) => {
    requireKey(authenticator, request.headers.authorization);
    return reply.type(metrics.contentType).send(await metrics.render());
  });
}
