import type { FastifyReply, FastifyRequest } from 'fastify';
import { HostError } from '../domain/errors.ts';
import type { Digest } from '../domain/ids.ts';
import { isRepositoryName } from '../domain/image-reference.ts';
import { can } from '../domain/principal.ts';
import type { BlobUploads, ImageRepositories } from '../domain/registry.ts';
import type { LongRequests } from './long-requests.ts';
import { checkedDigest } from './registry-target.ts';

interface UploadsOptions {
  readonly repositories: ImageRepositories;
  readonly uploads: BlobUploads;
  readonly longRequests: LongRequests;
}

interface UploadQuery {
  readonly digest?: string;
  readonly mount?: string;
  readonly from?: string;
}

interface Upload {
  readonly repository: string;
  readonly id: string;
}

/** The push of blobs: in pieces, at once, or out of another repository. */
export class RegistryUploads {
  readonly #repositories: ImageRepositories;
  readonly #uploads: BlobUploads;
  readonly #longRequests: LongRequests;

  constructor({ repositories, uploads, longRequests }: UploadsOptions) {
    this.#repositories = repositories;
    this.#uploads = uploads;
    this.#longRequests = longRequests;
  }

  async begin(
    { repository }: { readonly repository: string },
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const { digest, mount, from } = request.query as UploadQuery;
    const canMount =
      from !== undefined && isRepositoryName(from) && can(request.principal, 'registry:pull', from);
    if (mount !== undefined && canMount) {
      const mounted = checkedDigest(mount);
      if (await this.#repositories.mountBlob(repository, mounted, from)) {
        return created(reply, repository, mounted);
      }
    }
    const expected = digest === undefined ? undefined : checkedDigest(digest);
    const id = await this.#uploads.begin(repository);
    if (expected === undefined) return progress(reply.code(202), { repository, id }, 0);
    return await this.#finish({ repository, id }, expected, request, reply);
  }

  async append(
    upload: Upload,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const start = startOf(request.headers['content-range'], request.headers['content-length']);
    return progress(reply.code(202), upload, await this.#append(upload, request, start));
  }

  async finish(
    upload: Upload,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const { digest = '' } = request.query as UploadQuery;
    return await this.#finish(upload, checkedDigest(digest), request, reply);
  }

  async status(
    upload: Upload,
    _request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const sizeBytes = await this.#uploads.size(upload.repository, upload.id);
    return progress(reply.code(204), upload, sizeBytes);
  }

  async cancel(
    upload: Upload,
    _request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    await this.#uploads.cancel(upload.repository, upload.id);
    return reply.code(204).send();
  }

  async #finish(
    upload: Upload,
    digest: Digest,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const { repository, id } = upload;
    const start = startOf(request.headers['content-range'], request.headers['content-length']);
    await this.#append(upload, request, start);
    await this.#uploads.finish(repository, id, digest);
    return created(reply, repository, digest);
  }

  #append(
    { repository, id }: Upload,
    { raw }: FastifyRequest,
    start: number | undefined,
  ): Promise<number> {
    return this.#longRequests.during(raw.socket, () =>
      this.#uploads.append(repository, id, raw as AsyncIterable<Buffer>, start),
    );
  }
}

/** Where the piece begins, and that it is as long as it says. */
function startOf(range: string | undefined, length: string | undefined): number | undefined {
  if (range === undefined) return undefined;
  const match = /^(?:bytes )?(\d{1,15})-(\d{1,15})(?:\/.*)?$/.exec(range);
  const [start, end] = [Number(match?.[1]), Number(match?.[2])];
  const isLength = length === undefined || Number(length) === end - start + 1;
  if (match && isLength) return start;
  throw new HostError(
    'invalid',
    'registry.range_invalid',
    `The content-range "${range.slice(0, 80)}" does not describe what was sent.`,
  );
}

function progress(
  reply: FastifyReply,
  { repository, id }: Upload,
  sizeBytes: number,
): FastifyReply {
  return reply
    .headers({
      location: `/v2/${repository}/blobs/uploads/${id}`,
      'docker-upload-uuid': id,
      range: `0-${Math.max(sizeBytes - 1, 0)}`,
    })
    .send();
}

function created(reply: FastifyReply, repository: string, digest: Digest): FastifyReply {
  const location = `/v2/${repository}/blobs/${digest}`;
  return reply.code(201).headers({ location, 'docker-content-digest': digest }).send();
}
