import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { HostError } from '../domain/errors.ts';
import type { Logger } from '../domain/logger.ts';
import type { Action } from '../domain/principal.ts';
import type { BlobUploads, ImageRepositories } from '../domain/registry.ts';
import type { LongRequests } from './long-requests.ts';
import { RegistryContent } from './registry-content.ts';
import { registryErrorHandler } from './registry-errors.ts';
import { parseRegistryTarget, type RegistryTarget } from './registry-target.ts';
import { RegistryUploads } from './registry-uploads.ts';
import type { RouteAccess } from './route-access.ts';

export interface RegistryRoutesOptions {
  readonly repositories: ImageRepositories;
  readonly uploads: BlobUploads;
  readonly logger: Logger;
}

type Serve<T extends RegistryTarget> = (
  target: T,
  request: FastifyRequest,
  reply: FastifyReply,
) => Promise<unknown>;

type Routes = {
  readonly [K in RegistryTarget['kind']]: Readonly<
    Record<string, Serve<Extract<RegistryTarget, { kind: K }>>>
  >;
};

/**
 * A registry for images, `/v2/…`, as the OCI distribution specification 1.1 has it: docker, skopeo
 * and the like push and pull with a key's id as the user and its secret as the password. Bodies go
 * to the disk as they come.
 */
export function registryRoutes(
  app: FastifyInstance,
  options: RegistryRoutesOptions & { readonly longRequests: LongRequests },
): void {
  const content = new RegistryContent(options.repositories);
  const uploads = new RegistryUploads(options);
  const routes: Routes = {
    root: { GET: async () => ({}) },
    catalog: { GET: (...call) => content.catalog(...call) },
    tags: { GET: (...call) => content.tags(...call) },
    manifest: {
      GET: (...call) => content.manifest(...call),
      PUT: (...call) => content.putManifest(...call),
      DELETE: (...call) => content.removeManifest(...call),
    },
    referrers: { GET: (...call) => content.referrers(...call) },
    blob: {
      GET: (...call) => content.blob(...call),
      DELETE: (...call) => content.removeBlob(...call),
    },
    uploads: { POST: (...call) => uploads.begin(...call) },
    upload: {
      GET: (...call) => uploads.status(...call),
      PATCH: (...call) => uploads.append(...call),
      PUT: (...call) => uploads.finish(...call),
      DELETE: (...call) => uploads.cancel(...call),
    },
  };

  app.setErrorHandler(registryErrorHandler(options.logger));
  app.addContentTypeParser('*', (_request, _body, done) => done(null)); // read by who needs it
  app.addHook('onSend', async (_request, reply) => {
    reply.header('docker-distribution-api-version', 'registry/2.0');
  });

  const serve = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const target = targetOf(request);
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const byMethod = routes[target.kind] as Readonly<Record<string, Serve<RegistryTarget>>>;
    const serveIt = byMethod[method];
    if (!serveIt) throw notAllowed(Object.keys(byMethod));
    return await serveIt(target, request, reply);
  };
  for (const url of ['/v2', '/v2/*']) {
    const reading = { method: ['GET', 'HEAD'], config: forRepository('registry:pull') };
    const writing = {
      method: ['POST', 'PUT', 'PATCH', 'DELETE'],
      config: forRepository('registry:push'),
    };
    app.route({ ...reading, url, handler: serve });
    app.route({ ...writing, url, handler: serve });
  }
}

/** The right for the repository that the path names; for any, where it names none. */
const forRepository = (action: Action): { access: RouteAccess } => ({
  access: {
    action,
    name: (request) => {
      const target = targetOf(request);
      return 'repository' in target ? target.repository : undefined;
    },
    // Clients send no Basic credentials where they are only offered Bearer.
    challenge: 'Basic realm="Hearth"',
  },
});

const targetOf = ({ url }: FastifyRequest): RegistryTarget =>
  parseRegistryTarget((url.split('?', 1)[0] ?? '').replace(/^\/v2\/?/, ''));

const notAllowed = (methods: readonly string[]): HostError =>
  new HostError('invalid', 'registry.unsupported', `Only ${methods.join(', ')} here.`, {
    details: { allow: methods.join(', ') },
  });
