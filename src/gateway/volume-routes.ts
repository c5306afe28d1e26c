import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Type, type Static } from 'typebox';
import { HostError } from '../domain/errors.ts';
import { functionsWhoseLive, type FunctionStore } from '../domain/function.ts';
import { can } from '../domain/principal.ts';
import type { RecordStore } from '../domain/record-store.ts';
import {
  volumeDrivers,
  type OnCopyProgress,
  type VolumeDetails,
  type VolumeRecord,
  type Volumes,
} from '../domain/volume.ts';
import { parseBytes } from '../lib/units.ts';
import { requireRight } from './callers.ts';
import type { LongRequests } from './long-requests.ts';
import { acceptJson } from './json-bodies.ts';
import { answerInLines, wantsLines } from './json-lines.ts';
import { forNamed, forSome } from './route-access.ts';

export interface VolumeRoutesOptions {
  readonly volumes: Volumes;
  readonly volumeRecords: Pick<RecordStore<VolumeRecord>, 'get' | 'list'>;
  readonly functions: FunctionStore;
}

interface ByName {
  readonly Params: { readonly name: string };
}

const knownLimitMs = 5_000;
const knownLookMs = 5;

const strict = { additionalProperties: false };

const newVolumeSchema = Type.Object(
  {
    name: Type.String(),
    size: Type.Optional(Type.String({ description: 'Such as 1Gi; not for the driver `dir`.' })),
    driver: Type.Enum([...volumeDrivers], { default: 'local' }),
    noexec: Type.Boolean({ default: false, description: 'Nothing in it can be executed.' }),
  },
  strict,
);
const newSnapshotSchema = Type.Object({ name: Type.String() }, strict);
const restoreSchema = Type.Object({ snapshot: Type.String() }, strict);
const removalSchema = Type.Object({
  force: Type.Boolean({ default: false, description: 'Also while it is in use.' }),
});

/** Management of volumes, `/v1/volumes…`. A volume's name is what a key has its rights for. */
export function volumeRoutes(
  app: FastifyInstance,
  options: VolumeRoutesOptions & { readonly longRequests: LongRequests },
): void {
  const { volumes, volumeRecords, functions, longRequests } = options;

  acceptJson(app);
  // Not read here: it goes on to the volume as it comes, however large it is.
  app.addContentTypeParser('application/x-tar', (_request, body, done) => done(null, body));

  app.post<{ Body: Static<typeof newVolumeSchema> }>(
    '/v1/volumes',
    { config: forSome('deploy'), schema: { body: newVolumeSchema } },
    async (request, reply) => {
      const { name, size, driver, noexec } = request.body;
      requireRight(request.principal, 'deploy', name);
      const sizeBytes = size === undefined ? undefined : sizeOf(size);
      const record = await volumes.create({ name, sizeBytes, driver, noexec });
      await untilKnown(() => volumeRecords.get(name) !== undefined);
      return reply.code(201).send(volumeView(record));
    },
  );

  app.get('/v1/volumes', { config: forSome('read') }, ({ principal }) => ({
    volumes: volumeRecords
      .list()
      .filter(({ name }) => can(principal, 'read', name))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .map(volumeView),
  }));

  app.get<ByName>('/v1/volumes/:name', { config: forNamed('read') }, async ({ params: { name } }) =>
    detailsView(await volumes.inspect(name), usersOf(functions, name)),
  );

  app.delete<ByName & { Querystring: Static<typeof removalSchema> }>(
    '/v1/volumes/:name',
    { config: forNamed('deploy'), schema: { querystring: removalSchema } },
    async ({ params: { name }, query: { force } }, reply) => {
      const users = usersOf(functions, name);
      if (users.length > 0 && !force) throw usedBy(name, users);
      await volumes.remove(name, { force });
      return reply.code(204).send();
    },
  );

  app.post<ByName & { Body: Static<typeof newSnapshotSchema> }>(
    '/v1/volumes/:name/snapshots',
    { config: forNamed('deploy'), schema: { body: newSnapshotSchema } },
    async (request, reply) => {
      const done = { volume: request.params.name, snapshot: request.body.name };
      const take = (onProgress?: OnCopyProgress) =>
        volumes.snapshot(done.volume, done.snapshot, onProgress);
      if (wantsLines(request)) return answerCopying(request, reply, done, take);
      await take();
      return reply.code(201).send(done);
    },
  );

  app.delete<{ Params: { readonly name: string; readonly snapshot: string } }>(
    '/v1/volumes/:name/snapshots/:snapshot',
    { config: forNamed('deploy') },
    async ({ params: { name, snapshot } }, reply) => {
      await volumes.removeSnapshot(name, snapshot);
      return reply.code(204).send();
    },
  );

  app.post<ByName & { Body: Static<typeof restoreSchema> }>(
    '/v1/volumes/:name/restore',
    { config: forNamed('deploy'), schema: { body: restoreSchema } },
    async (request, reply) => {
      const done = { volume: request.params.name, snapshot: request.body.snapshot };
      const restore = (onProgress?: OnCopyProgress) =>
        volumes.restore(done.volume, done.snapshot, onProgress);
      if (wantsLines(request)) return answerCopying(request, reply, done, restore);
      await restore();
      return reply.code(204).send();
    },
  );

  app.get<ByName>(
    '/v1/volumes/:name/archive',
    { config: forNamed('read') },
    async ({ params: { name } }, reply) =>
      reply.type('application/x-tar').send(await volumes.export(name)),
  );

  app.put<ByName>(
    '/v1/volumes/:name/archive',
    { config: forNamed('deploy') },
    async ({ params: { name }, body, raw }, reply) => {
      if (body === undefined || body === null) throw noTar();
      await longRequests.during(raw.socket, () => volumes.import(name, body as Readable));
      return reply.code(204).send();
    },
  );
}

/** Large volumes take their time: how far it is, line by line, for who asks for that. */
const answerCopying = (
  request: FastifyRequest,
  reply: FastifyReply,
  done: object,
  copy: (onProgress: OnCopyProgress) => Promise<void>,
): FastifyReply =>
  answerInLines(request, reply, async (tell) => {
    await copy((progress) => tell({ progress }));
    return { done };
  });

const volumeView = ({ name, driver, sizeBytes, noexec, node, createdAt }: VolumeRecord) => ({
  name,
  driver,
  sizeBytes: sizeBytes ?? null,
  noexec,
  node: node ?? null,
  createdAt,
});

const detailsView = (
  { record, usedBytes, holders, snapshots }: VolumeDetails,
  functions: readonly string[],
) => ({ ...volumeView(record), usedBytes, functions, holders, snapshots });

/** Functions whose live version has it mounted. */
const usersOf = (functions: FunctionStore, volume: string): readonly string[] =>
  functionsWhoseLive(functions, ({ volumes }) => volumes.some(({ name }) => name === volume));

/** What a worker recorded comes here some ms later; a deploy that follows at once shall find it. */
async function untilKnown(isKnown: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + knownLimitMs;
  while (!isKnown() && performance.now() < giveUpAt) await delay(knownLookMs);
}

function sizeOf(text: string): number {
  const bytes = parseBytes(text);
  if (bytes !== undefined) return bytes;
  throw new HostError('invalid', 'volume.invalid_size', `"${text}" is not a size, such as 1Gi.`);
}

const usedBy = (name: string, users: readonly string[]): HostError =>
  new HostError(
    'conflict',
    'volume.has_functions',
    `Volume "${name}" is mounted by ${users.join(', ')}: remove them first, or force it.`,
    { details: { functions: users } },
  );

const noTar = (): HostError =>
  new HostError(
    'invalid',
    'gateway.no_tar',
    'Send the contents as the body, a tar of type application/x-tar.',
  );
