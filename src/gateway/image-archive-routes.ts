import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { HostError } from '../domain/errors.ts';
import type { ImageImporter } from '../domain/image.ts';
import { forSome } from './route-access.ts';

export interface ImageArchiveRoutesOptions {
  readonly archives: ImageImporter;
}

/** `POST /v1/image-archives`: an image as one file, for a deploy that names its digest. */
export function imageArchiveRoutes(
  app: FastifyInstance,
  { archives }: ImageArchiveRoutesOptions,
): void {
  app.addContentTypeParser('application/x-tar', (_request, body, done) => done(null, body));

  app.post('/v1/image-archives', { config: forSome('deploy') }, async (request, reply) => {
    if (!(request.body instanceof Readable)) throw noArchive();
    try {
      return reply.code(201).send({ digest: await archives.import(request.body) });
    } finally {
      request.body.resume(); // who is still sending hears of a failure only when it may finish
    }
  });
}

const noArchive = (): HostError =>
  new HostError(
    'invalid',
    'gateway.no_archive',
    'Send the archive as the body, of type application/x-tar.',
  );
