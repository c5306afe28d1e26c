import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { Backups } from '../domain/backup.ts';
import { HostError } from '../domain/errors.ts';
import type { LongRequests } from './long-requests.ts';
import { forHost } from './route-access.ts';

export interface BackupRoutesOptions {
  readonly backups: Backups;
  readonly longRequests: LongRequests;
}

/** All that is defined, as one archive: `GET /v1/backup`, `POST /v1/restore`. */
export function backupRoutes(
  app: FastifyInstance,
  { backups, longRequests }: BackupRoutesOptions,
): void {
  const config = forHost('admin');
  app.addContentTypeParser('application/x-tar', (_request, body, done) => done(null, body));

  app.get('/v1/backup', { config }, async (_request, reply) =>
    reply.type('application/x-tar').send(await backups.write()),
  );

  app.post('/v1/restore', { config }, async ({ body, raw }) => {
    if (!(body instanceof Readable)) throw noBackup();
    try {
      return await longRequests.during(raw.socket, () => backups.restore(body));
    } finally {
      body.resume(); // who is still sending hears of a failure only when it may finish
    }
  });
}

const noBackup = (): HostError =>
  new HostError(
    'invalid',
    'gateway.no_backup',
    'Send the backup as the body, of type application/x-tar.',
  );
