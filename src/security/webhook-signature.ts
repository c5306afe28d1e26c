import { createHmac, timingSafeEqual } from 'node:crypto';
import type { HmacAuth } from '../domain/http-trigger.ts';

/** How far the time in a signature may be from ours: who overheard it cannot use it later. */
const toleranceMs = 5 * 60_000;

/** Who sends a second one only adds work for us. */
const signaturesLooked = 5;

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** Is the body signed with the secret, in the format, and not too long ago where that is known? */
export function isSignedWebhook(
  format: HmacAuth['format'],
  secret: string,
  headers: Headers,
  body: Uint8Array,
  now: Date,
): boolean {
  return format === 'github'
    ? isSignedByGitHub(secret, headers, body)
    : isSignedByStripe(secret, headers, body, now);
}

/** `X-Hub-Signature-256: sha256=<hex>` over the body. It has no time: a repetition looks the same. */
function isSignedByGitHub(secret: string, headers: Headers, body: Uint8Array): boolean {
  const [, hex = ''] = /^sha256=([0-9a-f]{64})$/.exec(single(headers['x-hub-signature-256'])) ?? [];
  return isEqual(hex, hmac(secret, body));
}

/** `Stripe-Signature: t=<seconds>,v1=<hex>` over `<seconds>.<body>`; several while a secret rolls. */
function isSignedByStripe(secret: string, headers: Headers, body: Uint8Array, now: Date): boolean {
  const parts = single(headers['stripe-signature']).split(',');
  const valuesOf = (name: string) =>
    parts.filter((part) => part.startsWith(`${name}=`)).map((part) => part.slice(name.length + 1));
  const [seconds = ''] = valuesOf('t');
  if (!/^\d{1,12}$/.test(seconds)) return false;
  if (Math.abs(now.getTime() - Number(seconds) * 1000) > toleranceMs) return false;
  const expected = hmac(secret, Buffer.concat([Buffer.from(`${seconds}.`), body]));
  const given = valuesOf('v1').slice(0, signaturesLooked);
  return given.filter((hex) => isEqual(hex, expected)).length > 0;
}

/** Headers that sign a body in the way of Standard Webhooks, version 1; the id goes beside them. */
export function signWebhook(
  secret: string,
  id: string,
  body: Uint8Array,
  now = new Date(),
): Record<string, string> {
  const seconds = Math.floor(now.getTime() / 1000);
  const [, encoded] = /^whsec_(.*)$/s.exec(secret) ?? [];
  const key = encoded === undefined ? secret : Buffer.from(encoded, 'base64');
  const signed = Buffer.concat([Buffer.from(`${id}.${seconds}.`), body]);
  return {
    'webhook-timestamp': `${seconds}`,
    'webhook-signature': `v1,${hmac(key, signed).toString('base64')}`,
  };
}

const hmac = (secret: string | Buffer, text: Uint8Array): Buffer =>
  createHmac('sha256', secret).update(text).digest();

function isEqual(hex: string, expected: Buffer): boolean {
  const given = Buffer.from(hex, 'hex');
  return given.length === expected.length && timingSafeEqual(given, expected);
}

const single = (value: string | string[] | undefined): string =>
  (Array.isArray(value) ? value[0] : value) ?? '';
