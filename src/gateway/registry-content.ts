import type { FastifyReply, FastifyRequest } from 'fastify';
import { HostError } from '../domain/errors.ts';
import type { Digest } from '../domain/ids.ts';
import { can } from '../domain/principal.ts';
import type { ImageRepositories, Page } from '../domain/registry.ts';

/** As many names as one answer has at most. */
const pageLimit = 1000;

/** A manifest is held in memory whole. */
const manifestLimitBytes = 4 * 1024 * 1024;

interface InRepository {
  readonly repository: string;
}

/** Manifests, finished blobs and lists of names. */
export class RegistryContent {
  readonly #repositories: ImageRepositories;

  constructor(repositories: ImageRepositories) {
    this.#repositories = repositories;
  }

  async catalog(_target: object, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const page = pageOf(request);
    const all = await this.#repositories.list(page);
    const repositories = all.filter((name) => can(request.principal, 'registry:pull', name));
    return linked(reply, request, page, all).send({ repositories });
  }

  async tags(
    { repository }: InRepository,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<unknown> {
    const page = pageOf(request);
    const tags = await this.#repositories.tags(repository, page);
    return linked(reply, request, page, tags).send({ name: repository, tags });
  }

  async manifest(
    { repository, reference }: InRepository & { readonly reference: string },
    _request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<unknown> {
    const found = await this.#repositories.findManifest(repository, reference);
    if (!found) throw noManifest(repository, reference);
    return reply
      .headers({ 'content-type': found.mediaType, 'docker-content-digest': found.digest })
      .send(Buffer.from(found.content));
  }

  async putManifest(
    { repository, reference }: InRepository & { readonly reference: string },
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<unknown> {
    const mediaType = request.headers['content-type']?.split(';', 1)[0]?.trim() ?? '';
    const content = await readWhole(request.raw as AsyncIterable<Buffer>);
    const manifest = { mediaType, content };
    const put = await this.#repositories.putManifest(repository, reference, manifest);
    if (put.subject !== undefined) reply.header('oci-subject', put.subject);
    const location = `/v2/${repository}/manifests/${put.digest}`;
    return reply.code(201).headers({ location, 'docker-content-digest': put.digest }).send();
  }

  async removeManifest(
    { repository, reference }: InRepository & { readonly reference: string },
    _request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<unknown> {
    const removed = await this.#repositories.removeManifest(repository, reference);
    if (!removed) throw noManifest(repository, reference);
    return reply.code(202).send();
  }

  async referrers(
    { repository, digest }: InRepository & { readonly digest: Digest },
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<unknown> {
    const { artifactType } = request.query as { readonly artifactType?: string };
    const all = await this.#repositories.referrers(repository, digest);
    const manifests =
      artifactType === undefined
        ? all
        : all.filter((referrer) => referrer.artifactType === artifactType);
    if (artifactType !== undefined) reply.header('oci-filters-applied', 'artifactType');
    const mediaType = 'application/vnd.oci.image.index.v1+json';
    return reply
      .header('content-type', mediaType)
      .send(JSON.stringify({ schemaVersion: 2, mediaType, manifests }));
  }

  async blob(
    { repository, digest }: InRepository & { readonly digest: Digest },
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<unknown> {
    const found = await this.#repositories.findBlob(repository, digest);
    if (!found) throw noBlob(repository, digest);
    const { sizeBytes } = found;
    const range = rangeOf(request.headers.range, sizeBytes);
    reply.headers({
      'content-type': 'application/octet-stream',
      'docker-content-digest': digest,
      'accept-ranges': 'bytes',
      etag: `"${digest}"`,
      'content-length': range ? range.end - range.start + 1 : sizeBytes,
    });
    if (range) {
      reply.code(206).header('content-range', `bytes ${range.start}-${range.end}/${sizeBytes}`);
    }
    if (request.method === 'HEAD') return reply.send();
    return reply.send(this.#repositories.readBlob(digest, range));
  }

  async removeBlob(
    { repository, digest }: InRepository & { readonly digest: Digest },
    _request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<unknown> {
    const removed = await this.#repositories.removeBlob(repository, digest);
    if (!removed) throw noBlob(repository, digest);
    return reply.code(202).send();
  }
}

function pageOf(request: FastifyRequest): Page {
  const { n, last } = request.query as { readonly n?: string; readonly last?: string };
  const limit = /^\d{1,9}$/.test(n ?? '') ? Math.min(Number(n), pageLimit) : pageLimit;
  return last === undefined ? { limit } : { limit, after: last };
}

/** Says where the next page is, when this one is full. */
function linked(
  reply: FastifyReply,
  request: FastifyRequest,
  { limit }: Page,
  items: readonly string[],
): FastifyReply {
  const last = items.at(-1);
  if (items.length < limit || last === undefined) return reply;
  const [path = ''] = request.url.split('?', 1);
  return reply.header('link', `<${path}?n=${limit}&last=${encodeURIComponent(last)}>; rel="next"`);
}

/** One range is served; a list of several is, as HTTP allows, not looked at. */
function rangeOf(
  header: string | undefined,
  sizeBytes: number,
): { readonly start: number; readonly end: number } | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.replaceAll(' ', '') ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  const [from, to] = [match[1] ?? '', match[2] ?? ''];
  const start = from === '' ? Math.max(sizeBytes - Number(to), 0) : Number(from);
  const end = from === '' || to === '' ? sizeBytes - 1 : Math.min(Number(to), sizeBytes - 1);
  if (start <= end) return { start, end };
  throw new HostError(
    'invalid',
    'registry.range_invalid',
    `The blob has ${sizeBytes} bytes; the range "${header}" is not within them.`,
  );
}

async function readWhole(content: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of content) {
    bytes += chunk.length;
    if (bytes > manifestLimitBytes) {
      throw new HostError(
        'too_large',
        'registry.size_invalid',
        `A manifest has at most ${manifestLimitBytes} bytes.`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const noManifest = (repository: string, reference: string): HostError =>
  new HostError(
    'not_found',
    'registry.manifest_unknown',
    `${repository} has no manifest ${reference}.`,
  );

const noBlob = (repository: string, digest: Digest): HostError =>
  new HostError('not_found', 'registry.blob_unknown', `${repository} has no blob ${digest}.`);
