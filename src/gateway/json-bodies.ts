import type { FastifyInstance } from 'fastify';

/** A management request is a page of text. */
const jsonLimitBytes = 64 * 1024;

/** Lets routes of this scope take JSON. Others stay closed to it: 415. */
export function acceptJson(app: FastifyInstance, bodyLimit = jsonLimitBytes): void {
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string', bodyLimit },
    app.getDefaultJsonParser('error', 'error'),
  );
}
