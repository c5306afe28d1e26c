import { setTimeout as delay } from 'node:timers/promises';
import { HostError } from '../../domain/errors.ts';
import { hostKind, type AddressKind } from './address-guard.ts';
import { RegistryTokens, type TokenRequest } from './registry-tokens.ts';
import type { CredentialSource } from './registry-credentials.ts';

export interface RegistryClientOptions {
  readonly credentials: CredentialSource;
  /** Registries, host and port, that are spoken to without TLS. Loopback always is. */
  readonly plainHosts: readonly string[];
  readonly random?: () => number;
}

export interface RegistryRequest {
  readonly registry: string;
  readonly repository: string;
  readonly action: 'pull' | 'push';
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT';
  /** After `/v2/<repository>/`, or a whole URL that the registry named. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Blob | string;
}

const attemptLimit = 5;
const redirectLimit = 5;

/** A whole answer, the layer in it included; a cut one is continued. */
const requestLimitMs = 3_600_000;

/**
 * Requests to registries as the OCI distribution specification has them: credentials go to the
 * registry and to where it has tokens made, never along with a redirect to another origin. A public
 * registry cannot send us into the networks that this machine stands in.
 */
export class RegistryClient {
  readonly #options: RegistryClientOptions;
  readonly #tokens: RegistryTokens;

  constructor(options: RegistryClientOptions) {
    this.#options = options;
    this.#tokens = new RegistryTokens(options.credentials, (url, init) => fetch(url, init));
  }

  /**
   * Any answer that is not the registry's to have tried again later, also 404.
   * @throws HostError `unavailable`, `forbidden`, or the signal's reason.
   */
  async send(request: RegistryRequest, signal: AbortSignal): Promise<Response> {
    for (let attempt = 1; ; attempt++) {
      try {
        const response = await this.#authorized(request, signal);
        if (!isTemporary(response.status) || attempt === attemptLimit) return response;
        await response.body?.cancel();
        await delay(this.#pauseMs(attempt, response), undefined, { signal });
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof HostError) throw error;
        if (attempt === attemptLimit) throw unreachable(request.registry, error);
        await delay(this.#pauseMs(attempt), undefined, { signal });
      }
    }
  }

  async #authorized(request: RegistryRequest, signal: AbortSignal): Promise<Response> {
    const { registry, repository, action } = request;
    const tokenRequest: TokenRequest = {
      registry,
      scope: `repository:${repository}:${action === 'pull' ? 'pull' : 'pull,push'}`,
    };
    const known = this.#tokens.known(tokenRequest);
    const response = await this.#follow(request, known, signal);
    if (response.status !== 401) return response;
    await response.body?.cancel();
    const challenge = response.headers.get('www-authenticate') ?? '';
    const isPlain = (await this.#origin(registry)).startsWith('http:');
    const token = await this.#tokens.obtain(tokenRequest, challenge, { isPlain, signal });
    const second = await this.#follow(request, token, signal);
    if (second.status === 401 || second.status === 403) throw refused(request, second.status);
    return second;
  }

  async #follow(
    request: RegistryRequest,
    authorization: string | undefined,
    signal: AbortSignal,
  ): Promise<Response> {
    const { registry, repository, method = 'GET', path, headers, body } = request;
    const origin = await this.#origin(registry);
    const home = await hostKind(new URL(origin).hostname);
    let url = new URL(path, `${origin}/v2/${repository}/`);
    for (let hop = 0; hop <= redirectLimit; hop++) {
      if (url.origin !== origin) await this.#checkHop(url, home);
      const isHome = url.origin === origin;
      const response = await fetch(url, {
        method,
        redirect: 'manual',
        headers: { ...headers, ...(isHome && authorization ? { authorization } : {}) },
        ...(body === undefined ? {} : { body }),
        signal: AbortSignal.any([signal, AbortSignal.timeout(requestLimitMs)]),
      });
      const location = response.headers.get('location');
      const isRedirect = [301, 302, 303, 307, 308].includes(response.status) && location;
      if (!isRedirect || (method !== 'GET' && method !== 'HEAD')) return response;
      await response.body?.cancel();
      url = new URL(location, url);
    }
    throw new HostError('unavailable', 'image.redirects', `${registry} redirects without end.`);
  }

  async #origin(registry: string): Promise<string> {
    const host = registry === 'docker.io' ? 'registry-1.docker.io' : registry;
    const isPlain =
      this.#options.plainHosts.includes(registry) ||
      (await hostKind(new URL(`https://${host}`).hostname)) === 'loopback';
    return new URL(`${isPlain ? 'http' : 'https'}://${host}`).origin;
  }

  /** From a registry of an inner network one may be sent on inside it; from outside never into it. */
  async #checkHop(url: URL, home: AddressKind): Promise<void> {
    if (!['http:', 'https:'].includes(url.protocol)) throw badHop(url, 'it is not HTTP');
    const kind = await hostKind(url.hostname);
    const isPlainFine = this.#options.plainHosts.includes(url.host) || kind === 'loopback';
    if (url.protocol === 'http:' && !isPlainFine) throw badHop(url, 'it is not encrypted');
    if (kind !== 'public' && kind !== home) throw badHop(url, 'it lies in a private network');
  }

  /** Doubling, with half of it left to chance so that many nodes do not come back at once. */
  #pauseMs(attempt: number, response?: Response): number {
    const { random = Math.random } = this.#options;
    const asked = Number(response?.headers.get('retry-after') ?? 0) * 1000;
    const own = 100 * 2 ** attempt * (0.5 + random() / 2);
    return Math.min(Math.max(own, asked || 0), 30_000);
  }
}

const isTemporary = (status: number): boolean => status === 429 || status >= 500;

const badHop = (url: URL, why: string): HostError =>
  new HostError(
    'forbidden',
    'image.bad_redirect',
    `The registry sends us to ${url.origin}, which is not followed: ${why}.`,
  );

const refused = ({ registry, repository }: RegistryRequest, status: number): HostError =>
  new HostError(
    'forbidden',
    'image.no_access',
    `${registry} does not let us at ${repository} (${status}). Store credentials with "docker login ${registry}" where the host runs.`,
  );

const unreachable = (registry: string, cause: unknown): HostError =>
  new HostError('unavailable', 'image.no_registry', `The registry ${registry} does not answer.`, {
    cause,
    retryAfterMs: 10_000,
  });
