import { createHash } from 'node:crypto';
import { Transform } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HostError } from '../domain/errors.ts';
import type { FactPublisher } from '../domain/facts.ts';
import {
  can,
  canSomewhere,
  everything,
  type Action,
  type Authorizer,
  type Principal,
  type SignatureClaim,
} from '../domain/principal.ts';
import { isLimited, type Quotas } from '../domain/quota.ts';
import { identify, isPrincipal, noRight } from './callers.ts';
import { holdQuota } from './held-quota.ts';

/** Who may use a route: anyone, or keys with a right. */
export type RouteAccess = 'public' | KeyAccess;

interface KeyAccess {
  readonly action: Action;
  /** For what they need the right; undefined: for anything, and the handler looks closer. */
  readonly name: (request: FastifyRequest) => string | undefined;
  /** What a caller without a key is told to send. */
  readonly challenge?: string;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: RouteAccess;
  }
  interface FastifyRequest {
    /** Who calls; only where the route is not public. */
    principal: Principal;
  }
}

/** Each goes into a route's options: `app.get(path, { config: forNamed('read') }, handler)`. */
export const forAnyone = { access: 'public' } as const;

/** The right for what the parameter `name` of the path names. */
export const forNamed = (action: Action) =>
  ({
    access: { action, name: ({ params }) => (params as { name: string }).name },
  }) as const satisfies {
    access: RouteAccess;
  };

/** The right for the whole host. */
export const forHost = (action: Action) =>
  ({ access: { action, name: () => everything } }) as const satisfies { access: RouteAccess };

/** The right for anything; the handler shows or does no more than `request.principal` can. */
export const forSome = (action: Action) =>
  ({ access: { action, name: () => undefined } }) as const satisfies { access: RouteAccess };

interface RouteGuardOptions {
  readonly authorizer: Authorizer;
  readonly quotas: Quotas;
  readonly facts: FactPublisher;
}

/** What lasts longer, such as a stream of events, is no longer counted as under way. */
const longestRequestMs = 3_600_000;

const nobody: Principal = { id: '', scopes: [] };

/**
 * Lets only those in who may use a route, and tells of each of their requests.
 * INVARIANT: a route that does not say who may use it cannot be added.
 */
export function guardRoutes(
  app: FastifyInstance,
  { authorizer, quotas, facts }: RouteGuardOptions,
): void {
  /** Of requests whose body is still to come. */
  const claims = new WeakMap<FastifyRequest, SignatureClaim>();
  const bodyDigests = new WeakMap<FastifyRequest, () => string>();

  app.decorateRequest('principal');
  app.addHook('onRoute', ({ method, url, config }) => {
    if (config?.access === undefined) {
      throw new TypeError(`route ${String(method)} ${url} does not say who may use it`);
    }
  });

  app.addHook('onRequest', async (request, reply) => {
    request.principal = nobody;
    const access = accessOf(request);
    if (!access) return;
    const caller = identified(authorizer, request, access);
    if (!isPrincipal(caller)) return void claims.set(request, caller);
    admit(request, caller, access);
    if (isLimited(caller)) await holdQuota(quotas, caller, reply.raw, longestRequestMs);
  });

  app.addHook('preParsing', async (request, _reply, payload) => {
    if (!claims.has(request)) return payload;
    const hash = createHash('sha256');
    bodyDigests.set(request, () => hash.digest('hex'));
    const hashing = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        done(undefined, chunk);
      },
    });
    payload.on('error', (error) => hashing.destroy(error));
    return payload.pipe(hashing);
  });

  app.addHook('preValidation', async (request, reply) => {
    const claim = claims.get(request);
    const access = accessOf(request);
    if (!claim || !access) return;
    const digest = bodyDigests.get(request)?.() ?? createHash('sha256').digest('hex');
    const principal = claim.verify(digest);
    admit(request, principal, access);
    if (isLimited(principal)) await holdQuota(quotas, principal, reply.raw, longestRequestMs);
  });

  app.addHook('onResponse', async (request, reply) => {
    if (!accessOf(request)) return;
    facts.publish('audit.request', {
      requestId: request.id,
      keyId: request.principal.id,
      sourceIp: request.ip,
      method: request.method,
      path: request.url.split('?', 1)[0]?.slice(0, 300) ?? '',
      status: reply.statusCode,
    });
  });
}

const accessOf = (request: FastifyRequest): KeyAccess | undefined => {
  const { access } = request.routeOptions.config;
  return access === 'public' ? undefined : access;
};

function identified(authorizer: Authorizer, request: FastifyRequest, { challenge }: KeyAccess) {
  try {
    return identify(authorizer, request.raw);
  } catch (error) {
    if (!(error instanceof HostError) || challenge === undefined) throw error;
    const { code, reason, message } = error;
    throw new HostError(code, reason, message, { details: { challenge } });
  }
}

function admit(request: FastifyRequest, principal: Principal, { action, name }: KeyAccess): void {
  request.principal = principal; // also where it may not: the audit tells who tried
  const wanted = name(request);
  const isAllowed =
    wanted === undefined ? canSomewhere(principal, action) : can(principal, action, wanted);
  if (!isAllowed) throw noRight(principal, action, wanted ?? everything);
}
