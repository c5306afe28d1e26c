import { createRemoteJWKSet, customFetch, errors, jwtVerify, type JWTVerifyGetKey } from 'jose';
import { HostError } from '../domain/errors.ts';
import type { HmacAuth, JwtAuth, TriggerGuard } from '../domain/http-trigger.ts';
import type { SecretSource } from '../domain/secret.ts';
import { isSignedWebhook } from './webhook-signature.ts';

/** Asymmetric ones: with the others, who can check a token could make one. */
const algorithms = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'];

/** Clocks of issuers go a little differently. */
const clockToleranceSeconds = 5;

const jwksLimitBytes = 256 * 1024;

/** Issuers whose keys are kept; the one that was first used longest ago goes first. */
const issuerLimit = 100;

export interface CallerGuardOptions {
  readonly secrets: SecretSource;
  readonly fetch?: typeof fetch;
  readonly now?: () => Date;
}

/** Checks tokens against the keys that their issuers publish, and signatures against secrets. */
export class CallerGuard implements TriggerGuard {
  readonly #secrets: SecretSource;
  readonly #fetch: typeof fetch;
  readonly #now: () => Date;
  readonly #keySets = new Map<string, JWTVerifyGetKey>();

  constructor({ secrets, fetch: get = fetch, now = () => new Date() }: CallerGuardOptions) {
    this.#secrets = secrets;
    this.#fetch = get;
    this.#now = now;
  }

  async checkToken(
    { issuer, audience, jwks }: JwtAuth,
    authorization: string | undefined,
  ): Promise<void> {
    const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
    if (token === undefined)
      throw refused('a token of its issuer: "Authorization: Bearer <token>"');
    try {
      await jwtVerify(token, this.#keySet(jwks), {
        issuer,
        audience,
        algorithms,
        clockTolerance: clockToleranceSeconds,
        currentDate: this.#now(),
        requiredClaims: ['exp'],
      });
    } catch (error) {
      throw isIssuerDown(error)
        ? issuerDown(error)
        : refused('a token of its issuer that is valid');
    }
  }

  checkSignature(
    { format, secret: name }: HmacAuth,
    functionName: string,
    headers: Parameters<TriggerGuard['checkSignature']>[2],
    body: Uint8Array,
  ): void {
    const { values } = this.#secrets.bind({ name: functionName, secrets: [name] });
    const secret = values[name];
    // Without the secret nobody can sign; why is nothing that a stranger should hear.
    if (secret !== undefined && isSignedWebhook(format, secret, headers, body, this.#now())) return;
    throw refused(`a signature in the format of ${format} that is right`);
  }

  /** Fetched at the first token, again when a token names a key that is not in it; kept ten minutes. */
  #keySet(jwks: string): JWTVerifyGetKey {
    const known = this.#keySets.get(jwks);
    if (known) return known;
    const keySet = createRemoteJWKSet(new URL(jwks), {
      timeoutDuration: 5_000,
      [customFetch]: (url, options) => boundedFetch(this.#fetch, url, options),
    });
    this.#keySets.set(jwks, keySet);
    const [oldest] = this.#keySets.keys();
    if (this.#keySets.size > issuerLimit && oldest !== undefined) this.#keySets.delete(oldest);
    return keySet;
  }
}

/** An issuer's keys are a page of text; redirects are not followed: the options say so. */
async function boundedFetch(
  get: typeof fetch,
  url: string,
  options: RequestInit,
): Promise<Response> {
  const { status, headers, body } = await get(url, options);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > jwksLimitBytes) throw new RangeError('the issuer sent too much');
    chunks.push(chunk);
  }
  return new Response(Buffer.concat(chunks), { status, headers });
}

/** Of a token's own fault jose has a class each; a bad answer of the issuer's is only generic. */
function isIssuerDown(error: unknown): boolean {
  const isOfIssuer = ['ERR_JOSE_GENERIC', 'ERR_JWKS_INVALID', 'ERR_JWKS_TIMEOUT'];
  return !(error instanceof errors.JOSEError) || isOfIssuer.includes(error.code);
}

const issuerDown = (cause: unknown): HostError =>
  new HostError(
    'unavailable',
    'gateway.issuer_down',
    "The keys of the tokens' issuer cannot be read now; try again in a moment.",
    { cause, retryAfterMs: 5_000 },
  );

const refused = (what: string): HostError =>
  new HostError('unauthenticated', 'gateway.not_allowed', `This function asks for ${what}.`);
