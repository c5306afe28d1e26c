import type { FastifyInstance } from 'fastify';
import type { NodeRegistry } from '../domain/node.ts';
import { forHost } from './route-access.ts';

export interface NodeRoutesOptions {
  readonly nodeRegistry: NodeRegistry;
}

interface ById {
  readonly Params: { readonly id: string };
}

/** Management of worker nodes, `/v1/nodes…`; a node is named by its id or its hostname. */
export function nodeRoutes(app: FastifyInstance, { nodeRegistry: nodes }: NodeRoutesOptions): void {
  app.get('/v1/nodes', { config: forHost('read') }, () => ({ nodes: nodes.list() }));

  app.get<ById>('/v1/nodes/:id', { config: forHost('read') }, ({ params }) =>
    nodes.find(params.id),
  );

  app.put<ById>('/v1/nodes/:id/cordon', { config: forHost('admin') }, ({ params }) =>
    nodes.cordon(nodes.find(params.id).id, true),
  );

  app.delete<ById>('/v1/nodes/:id/cordon', { config: forHost('admin') }, ({ params }) =>
    nodes.cordon(nodes.find(params.id).id, false),
  );

  app.delete<ById>('/v1/nodes/:id', { config: forHost('admin') }, async ({ params }, reply) => {
    await nodes.forget(nodes.find(params.id).id);
    return reply.code(204).send();
  });
}
