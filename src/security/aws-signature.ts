import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { HostError } from '../domain/errors.ts';
import type { SignedHead } from '../domain/principal.ts';

// AWS Signature Version 4 as the SDKs of AWS make it for the service `lambda`; any region will do.

const algorithm = 'AWS4-HMAC-SHA256';
const service = 'lambda';

/** Older or newer than this a signature is refused: whoever overheard it cannot use it later. */
const skewLimitMs = 5 * 60_000;

/** What an `Authorization` header of this kind says. */
export interface AwsAuthorization {
  readonly keyId: string;
  readonly date: string;
  readonly region: string;
  readonly signedHeaders: readonly string[];
  readonly signature: Buffer;
  /** As in `x-amz-date`: `20260102T030405Z`. */
  readonly time: string;
}

/**
 * Undefined where the request is not signed this way.
 * @throws HostError `forbidden` when it is, but cannot be right whatever the body.
 */
export function readAwsAuthorization(head: SignedHead, now: Date): AwsAuthorization | undefined {
  const { authorization } = head.headers;
  if (authorization === undefined || !authorization.startsWith(`${algorithm} `)) return undefined;
  const parts = new Map(
    authorization
      .slice(algorithm.length)
      .split(',')
      .map((part) => part.trim().split(/=(.*)/s, 2) as [string, string]),
  );
  const [keyId, date, region, scopeService, end, more] = (parts.get('Credential') ?? '').split('/');
  const signedHeaders = (parts.get('SignedHeaders') ?? '').split(';');
  const signature = Buffer.from(parts.get('Signature') ?? '', 'hex');
  const time = head.headers['x-amz-date'] ?? '';
  const isComplete =
    keyId !== undefined &&
    region !== undefined &&
    date !== undefined &&
    scopeService === service &&
    end === 'aws4_request' &&
    more === undefined &&
    signature.length === 32 &&
    signedHeaders.includes('host') &&
    signedHeaders.includes('x-amz-date') &&
    time.startsWith(`${date}T`);
  if (!isComplete) throw incomplete();
  requireFresh(time, now);
  return { keyId, date, region, signedHeaders, signature, time };
}

/** Is it the signature of this request with this secret? `bodyDigest` is SHA-256 in hex. */
export function isSignedWith(
  secret: string,
  authorization: AwsAuthorization,
  head: SignedHead,
  bodyDigest: string,
): boolean {
  const { date, region, signature, time } = authorization;
  const canonical = canonicalRequest(head, authorization.signedHeaders, bodyDigest);
  const scope = `${date}/${region}/${service}/aws4_request`;
  const text = [algorithm, time, scope, createHash('sha256').update(canonical).digest('hex')];
  let key = hmac(`AWS4${secret}`, date);
  for (const part of [region, service, 'aws4_request']) key = hmac(key, part);
  return timingSafeEqual(hmac(key, text.join('\n')), signature);
}

function canonicalRequest(
  { method, target, headers }: SignedHead,
  signedHeaders: readonly string[],
  bodyDigest: string,
): string {
  const [path = '', query = ''] = target.split(/\?(.*)/s, 2);
  return [
    method,
    path.split('/').map(encodeStrictly).join('/'), // encoded a second time: only S3 does not
    canonicalQuery(query),
    ...signedHeaders.map((name) => `${name}:${(headers[name] ?? '').trim().replace(/ +/g, ' ')}`),
    '',
    signedHeaders.join(';'),
    bodyDigest,
  ].join('\n');
}

function canonicalQuery(query: string): string {
  if (query === '') return '';
  const pairs = query.split('&').map((pair) => {
    const [name = '', value = ''] = pair.split(/=(.*)/s, 2);
    return `${encodeStrictly(decode(name))}=${encodeStrictly(decode(value))}`;
  });
  return pairs.toSorted().join('&');
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw incomplete();
  }
}

/** RFC 3986, which leaves fewer characters alone than encodeURIComponent. */
const encodeStrictly = (text: string): string =>
  encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );

function requireFresh(time: string, now: Date): void {
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(time) ?? [];
  const signedMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Math.abs(now.getTime() - signedMs) <= skewLimitMs) return;
  throw new HostError(
    'forbidden',
    'security.signature_expired',
    `Signature expired: ${time} is more than 5 minutes from this machine's clock.`,
  );
}

const hmac = (key: string | Buffer, text: string): Buffer =>
  createHmac('sha256', key).update(text).digest();

const incomplete = (): HostError =>
  new HostError(
    'forbidden',
    'security.signature_incomplete',
    'The signature needs a Credential of the service lambda, SignedHeaders with host and x-amz-date, and a Signature.',
  );
