import { createHmac } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT, type JWTPayload } from 'jose';
import { beforeEach, describe, expect, test } from 'vitest';
import type { HmacAuth } from '../../../src/domain/http-trigger.ts';
import { CallerGuard } from '../../../src/security/trigger-guard.ts';

const now = new Date('2026-01-02T03:04:05Z');
const auth = { issuer: 'https://id.test', audience: 'shop', jwks: 'https://id.test/jwks' };
const pair = await generateKeyPair('ES256');
const otherPair = await generateKeyPair('ES256');
const jwks = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'ES256' }] };

let answer: () => Response;
let fetched: string[];
let guard: CallerGuard;
const secret = 'shared-with-the-sender';
beforeEach(() => {
  answer = () => Response.json(jwks);
  fetched = [];
  guard = new CallerGuard({
    secrets: {
      bind: ({ secrets }) =>
        secrets[0] === 'WEBHOOK'
          ? { values: { WEBHOOK: secret }, missing: [], stamp: '' }
          : { values: {}, missing: secrets, stamp: '' },
    },
    fetch: async (url) => {
      fetched.push(url instanceof Request ? url.url : String(url));
      return answer();
    },
    now: () => now,
  });
});

const seconds = Math.floor(now.getTime() / 1000);
const claims = { iss: 'https://id.test', aud: 'shop', exp: seconds + 60, sub: 'ada' };

const token = (payload: JWTPayload, { privateKey } = pair, header = { alg: 'ES256', kid: 'one' }) =>
  new SignJWT(payload).setProtectedHeader(header).sign(privateKey);

const check = (text: string | undefined) =>
  guard.checkToken(auth, text === undefined ? undefined : `Bearer ${text}`);
const unauthenticated = { code: 'unauthenticated', reason: 'gateway.not_allowed' };

describe('a token', () => {
  test('of the issuer lets in; its keys are fetched once', async () => {
    await check(await token(claims));
    await check(await token({ ...claims, sub: 'bob' }));
    expect(fetched).toEqual([auth.jwks]);
  });

  test.each<[string, JWTPayload]>([
    ['of another issuer', { ...claims, iss: 'https://evil.test' }],
    ['for someone else', { ...claims, aud: 'bank' }],
    ['that has expired', { ...claims, exp: seconds - 60 }],
    ['that never expires', { iss: claims.iss, aud: claims.aud }],
    ['that is not valid yet', { ...claims, nbf: seconds + 60 }],
  ])('%s does not', async (_what, payload) => {
    await expect(check(await token(payload))).rejects.toMatchObject(unauthenticated);
  });

  test('that another key signed, or none, or that was changed, does not', async () => {
    const good = await token(claims);
    const [head, , signature] = good.split('.');
    const forged = Buffer.from(JSON.stringify({ ...claims, sub: 'root' })).toString('base64url');
    // A public key taken for a shared secret: the oldest trick.
    const confused = `${Buffer.from('{"alg":"HS256","kid":"one"}').toString('base64url')}.${forged}`;
    const mac = createHmac('sha256', JSON.stringify(jwks.keys[0])).update(confused).digest();
    for (const text of [
      await token(claims, otherPair),
      await token(claims, pair, { alg: 'ES256', kid: 'two' }),
      `${head}.${forged}.${signature}`,
      `${confused}.${mac.toString('base64url')}`,
      new UnsecuredJWT(claims).encode(),
      'nonsense',
    ]) {
      await expect(check(text), text).rejects.toMatchObject(unauthenticated);
    }
    await expect(check(undefined)).rejects.toMatchObject(unauthenticated);
  });

  test.each<[string, () => Response]>([
    ['fails', () => new Response('', { status: 500 })],
    ['answers with something else', () => new Response('<html>')],
    [
      'redirects',
      () => new Response('', { status: 302, headers: { location: 'http://10.0.0.1' } }),
    ],
    ['sends too much', () => new Response('x'.repeat(300_000))],
    [
      'is away',
      () => {
        throw new TypeError('fetch failed');
      },
    ],
  ])('cannot be checked while the issuer %s', async (_what, bad) => {
    answer = bad;
    await expect(check(await token(claims))).rejects.toMatchObject({ code: 'unavailable' });
    expect(fetched).toEqual([auth.jwks]);
  });
});

const body = Buffer.from('{"paid":true}');
const signed = (text: string | Buffer, key = secret) =>
  createHmac('sha256', key).update(text).digest('hex');
const checkBody = (format: HmacAuth['format'], headers: object, sent = body, name = 'WEBHOOK') =>
  guard.checkSignature({ format, secret: name }, 'shop', { ...headers }, sent);

describe('a signature in the format of GitHub', () => {
  const headers = { 'x-hub-signature-256': `sha256=${signed(body)}` };

  test("follows GitHub's own example", () => {
    // https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
    const example = new CallerGuard({
      secrets: {
        bind: () => ({ values: { S: "It's a Secret to Everybody" }, missing: [], stamp: '' }),
      },
    });
    const given = {
      'x-hub-signature-256':
        'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
    };
    const hello = Buffer.from('Hello, World!');
    example.checkSignature({ format: 'github', secret: 'S' }, 'f', given, hello);
  });

  test('lets in what it signs, and nothing else', () => {
    checkBody('github', headers);
    for (const wrong of [
      () => checkBody('github', headers, Buffer.from('{"paid":false}')),
      () => checkBody('github', {}),
      () => checkBody('github', { 'x-hub-signature-256': `sha256=${signed(body, 'other')}` }),
      () => checkBody('github', { 'x-hub-signature-256': 'sha256=' }),
      () => checkBody('github', { 'x-hub-signature': `sha1=${signed(body)}` }),
      () => checkBody('github', headers, body, 'MISSING'),
    ]) {
      expect(wrong).toThrow(expect.objectContaining(unauthenticated) as Error);
    }
  });
});

describe('a signature in the format of Stripe', () => {
  const at = (time: number, ...signatures: string[]) => ({
    'stripe-signature': [`t=${time}`, ...signatures.map((hex) => `v1=${hex}`)].join(','),
  });
  const valid = (time: number) => signed(`${time}.${body.toString()}`);

  test('lets in what it signs, also beside an older one, within five minutes', () => {
    checkBody('stripe', at(seconds, valid(seconds)));
    checkBody('stripe', at(seconds, signed('old'), valid(seconds)));
    checkBody('stripe', at(seconds - 299, valid(seconds - 299)));
  });

  test.each<[string, object]>([
    ['is replayed later', at(seconds - 301, valid(seconds - 301))],
    ['is from the future', at(seconds + 301, valid(seconds + 301))],
    ['has another time than it signs', at(seconds, valid(seconds - 10))],
    ['has no time', { 'stripe-signature': `v1=${valid(seconds)}` }],
    ['is not there', {}],
    ['is of another kind', { 'stripe-signature': `t=${seconds},v0=${valid(seconds)}` }],
  ])('that %s does not let in', (_what, headers) => {
    expect(() => checkBody('stripe', headers)).toThrow(
      expect.objectContaining(unauthenticated) as Error,
    );
  });
});
