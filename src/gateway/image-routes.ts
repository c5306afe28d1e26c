import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Type, type Static } from 'typebox';
import { HostError } from '../domain/errors.ts';
import { runtimes } from '../domain/function.ts';
import type { Digest } from '../domain/ids.ts';
import type { BaseImageBuilder } from '../domain/image.ts';
import type { ImageCatalog, ImageTransfer } from '../domain/image-catalog.ts';
import type { ImageGarbage, NodesGarbage } from '../domain/image-garbage.ts';
import { parseImageReference, type ImageReference } from '../domain/image-reference.ts';
import { can } from '../domain/principal.ts';
import { requireRight } from './callers.ts';
import { acceptJson } from './json-bodies.ts';
import { throttledBlobs } from './blob-progress.ts';
import { answerInLines } from './json-lines.ts';
import { forHost, forSome } from './route-access.ts';

export interface ImageRoutesOptions {
  readonly catalog: ImageCatalog;
  readonly garbage: Pick<ImageGarbage, 'collect'>;
  readonly nodesGarbage: NodesGarbage;
  readonly bases: Pick<BaseImageBuilder, 'refresh'>;
}

const collectSchema = Type.Object(
  { dryRun: Type.Boolean({ default: false, description: 'Only tell what would go.' }) },
  { additionalProperties: false },
);

const nameSchema = Type.String({ minLength: 1, maxLength: 500 });
const byNameSchema = Type.Object({ name: nameSchema }, { additionalProperties: false });
const pushSchema = Type.Object(
  { name: nameSchema, target: nameSchema },
  { additionalProperties: false },
);

const baseSchema = Type.Object({ runtime: Type.Enum(runtimes) }, { additionalProperties: false });

type ByName = Static<typeof byNameSchema>;

/** A transfer takes as long as the network needs; a day is a mistake. */
const transferLimitMs = 24 * 3_600_000;

/** Images by name, `/v1/images…`. A transfer's answer is a line of JSON for each step, then one for the end. */
export function imageRoutes(
  app: FastifyInstance,
  { catalog, garbage, nodesGarbage, bases }: ImageRoutesOptions,
): void {
  acceptJson(app);

  app.get('/v1/images', { config: forSome('registry:pull') }, async ({ principal }) => ({
    images: (await catalog.list()).filter(({ name }) =>
      can(principal, 'registry:pull', parseImageReference(name).repository),
    ),
  }));

  app.get<{ Querystring: ByName }>(
    '/v1/images/one',
    { config: forSome('registry:pull'), schema: { querystring: byNameSchema } },
    async ({ query, principal }) => {
      const reference = parseImageReference(query.name);
      requireRight(principal, 'registry:pull', reference.repository);
      return await catalog.find(reference);
    },
  );

  app.delete<{ Querystring: ByName }>(
    '/v1/images/one',
    { config: forSome('registry:push'), schema: { querystring: byNameSchema } },
    async ({ query, principal }, reply) => {
      const reference = parseImageReference(query.name);
      requireRight(principal, 'registry:push', reference.repository);
      if (await catalog.remove(reference)) return reply.code(204).send();
      throw new HostError('not_found', 'image.not_found', `There is no image ${query.name}.`);
    },
  );

  app.post<{ Body: Static<typeof collectSchema> }>(
    '/v1/images/collections',
    { config: forHost('admin'), schema: { body: collectSchema } },
    async ({ body: { dryRun } }) => {
      const here = await garbage.collect({ dryRun });
      return { ...here, ...(await nodesGarbage.collect({ dryRun })) };
    },
  );

  app.post<{ Body: Static<typeof baseSchema> }>(
    '/v1/images/bases',
    { config: forHost('deploy'), schema: { body: baseSchema } },
    async ({ body: { runtime } }) => ({ runtime, ...(await bases.refresh(runtime)) }),
  );

  // Both use the host's own credentials.
  app.post<{ Body: ByName }>(
    '/v1/images/pulls',
    { config: forHost('deploy'), schema: { body: byNameSchema } },
    (request, reply) => {
      const reference = parseImageReference(request.body.name);
      return transfer(request, reply, (options) => catalog.pull(reference, options));
    },
  );

  app.post<{ Body: Static<typeof pushSchema> }>(
    '/v1/images/pushes',
    { config: forHost('deploy'), schema: { body: pushSchema } },
    (request, reply) => {
      const [source, target] = [request.body.name, request.body.target].map(parseImageReference);
      return transfer(request, reply, (options) =>
        catalog.push(source as ImageReference, target as ImageReference, options),
      );
    },
  );
}

function transfer(
  request: FastifyRequest,
  reply: FastifyReply,
  run: (options: ImageTransfer) => Promise<Digest>,
): FastifyReply {
  const left = new AbortController();
  reply.raw.once('close', () => left.abort());
  const signal = AbortSignal.any([left.signal, AbortSignal.timeout(transferLimitMs)]);
  return answerInLines(request, reply, async (tell) => {
    const onProgress = throttledBlobs((progress) => tell({ progress }));
    return { digest: await run({ signal, onProgress }) };
  });
}
