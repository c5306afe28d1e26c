import { HostError } from '../../domain/errors.ts';
import { hostKind } from './address-guard.ts';
import type { CredentialSource, RegistryCredentials } from './registry-credentials.ts';

export interface TokenRequest {
  readonly registry: string;
  readonly scope: string;
}

/** Tokens live for a minute at least, as their specification says. */
const tokenLifeMs = 50_000;
const capacity = 1000;

/** `Authorization` values for registries, by what they asked for. */
export class RegistryTokens {
  readonly #credentials: CredentialSource;
  readonly #fetch: (url: URL, init: RequestInit) => Promise<Response>;
  readonly #known = new Map<string, { readonly value: string; readonly untilMs: number }>();

  constructor(
    credentials: CredentialSource,
    fetch: (url: URL, init: RequestInit) => Promise<Response>,
  ) {
    this.#credentials = credentials;
    this.#fetch = fetch;
  }

  known({ registry, scope }: TokenRequest): string | undefined {
    const known = this.#known.get(`${registry} ${scope}`);
    return known && known.untilMs > Date.now() ? known.value : undefined;
  }

  /** What a challenge (`WWW-Authenticate`) asks for. @throws HostError `forbidden`. */
  async obtain(
    request: TokenRequest,
    challenge: string,
    { isPlain, signal }: { readonly isPlain: boolean; readonly signal: AbortSignal },
  ): Promise<string> {
    const { registry, scope } = request;
    const credentials = await this.#credentials(registry);
    const value = /^basic\b/i.test(challenge)
      ? basic(credentials ?? noCredentials(registry))
      : `Bearer ${await this.#token(request, challenge, credentials, isPlain, signal)}`;
    this.#known.delete(`${registry} ${scope}`);
    this.#known.set(`${registry} ${scope}`, { value, untilMs: Date.now() + tokenLifeMs });
    const [oldest] = this.#known.keys();
    if (this.#known.size > capacity && oldest !== undefined) this.#known.delete(oldest);
    return value;
  }

  async #token(
    { registry, scope }: TokenRequest,
    challenge: string,
    credentials: RegistryCredentials | undefined,
    isPlain: boolean,
    signal: AbortSignal,
  ): Promise<string> {
    const fields = Object.fromEntries(
      [...challenge.matchAll(/([a-z_]+)="([^"]*)"/gi)].map(([, name = '', value]) => [name, value]),
    );
    const url = await realmOf(registry, fields['realm'] ?? '', isPlain);
    if (fields['service'] !== undefined) url.searchParams.set('service', fields['service']);
    url.searchParams.set('scope', scope);
    const headers: Record<string, string> = credentials
      ? { authorization: basic(credentials) }
      : {};
    const response = await this.#fetch(url, { headers, redirect: 'error', signal });
    const { token, access_token: other } = (await response.json().catch(() => ({}))) as {
      readonly token?: string;
      readonly access_token?: string;
    };
    const found = token ?? other;
    if (response.ok && found !== undefined) return found;
    throw new HostError(
      'forbidden',
      'image.no_access',
      `${registry} gives no token for ${scope} (${response.status}). Store credentials with "docker login ${registry}" where the host runs.`,
    );
  }
}

/** Where tokens are made is the registry's word: it gets credentials, so it must be encrypted too. */
async function realmOf(registry: string, realm: string, isPlain: boolean): Promise<URL> {
  const url = URL.parse(realm);
  const home = await hostKind(new URL(`https://${registry}`).hostname);
  const isAllowed =
    url !== null &&
    (url.protocol === 'https:' || (url.protocol === 'http:' && isPlain)) &&
    [home, 'public'].includes(await hostKind(url.hostname));
  if (isAllowed) return url;
  throw new HostError(
    'forbidden',
    'image.bad_challenge',
    `${registry} asks for a login in a way that is not followed: "${realm.slice(0, 200)}".`,
  );
}

const basic = ({ user, secret }: RegistryCredentials): string =>
  `Basic ${Buffer.from(`${user}:${secret}`).toString('base64')}`;

function noCredentials(registry: string): never {
  throw new HostError(
    'forbidden',
    'image.no_access',
    `${registry} wants a login. Store one with "docker login ${registry}" where the host runs.`,
  );
}
