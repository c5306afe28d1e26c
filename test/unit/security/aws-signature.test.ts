import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import type { KeyRecord } from '../../../src/domain/key.ts';
import type { SignedHead } from '../../../src/domain/principal.ts';
import { KeyAuthorizer } from '../../../src/security/key-authorizer.ts';
import { Sealer } from '../../../src/security/sealer.ts';
import { StoredKeys } from '../../../src/security/stored-keys.ts';
import { awsSignature } from '../../support/aws-signature.ts';
import { MemoryRecordStore } from '../../support/memory-record-store.ts';
import { silentLogger } from '../../support/silent-logger.ts';

const master = { id: '00000001', bytes: Buffer.alloc(32, 1) };
const sealer = new Sealer({ current: master, find: () => master });
const now = new Date('2026-01-02T03:04:05Z');

let secret: string;
let authorizer: KeyAuthorizer;
beforeEach(async () => {
  const records = new MemoryRecordStore<KeyRecord>();
  const keys = new StoredKeys({ records, sealer, now: () => now });
  ({ secret } = await keys.create('ci', [{ action: 'invoke', pattern: '*' }], undefined));
  authorizer = new KeyAuthorizer({
    rootSecret: 'the-secret-of-the-administrator',
    records,
    sealer,
    logger: silentLogger,
    now: () => now,
  });
});

interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly query?: Readonly<Record<string, string | string[]>>;
  readonly target?: string;
  readonly body?: string;
  readonly keyId?: string;
  readonly at?: Date;
  readonly service?: string;
}

/** A request as AWS's own signer signs it. */
async function signed({
  method = 'POST',
  path = '/2015-03-31/functions/hello/invocations',
  query = {},
  target = path,
  body = '{"a":1}',
  keyId = 'ci',
  at = now,
  service = 'lambda',
}: Sent = {}): Promise<SignedHead> {
  const headers = await awsSignature({
    credentials: { accessKeyId: keyId, secretAccessKey: secret },
    service,
    request: {
      method,
      path,
      query: query as Record<string, string>,
      headers: {
        host: '127.0.0.1:8080',
        'content-type': 'application/json',
        'x-a': ' two  words ',
      },
      body,
    },
    at,
  });
  return { method, target, headers };
}

const digestOf = (body: string) => createHash('sha256').update(body).digest('hex');
const verify = (head: SignedHead, body = '{"a":1}') =>
  authorizer.claim(head)?.verify(digestOf(body));

describe("a request signed by AWS's own signer", () => {
  test('is let in as its key', async () => {
    expect(verify(await signed())).toMatchObject({ id: 'ci' });
  });

  test.each<[string, Sent, string?]>([
    ['an encoded path', { path: '/functions/arn%3Aaws%3Alambda/x' }],
    ['a path with marks', { path: "/functions/a_b~c.d-e!f'g(h)i*j" }],
    [
      'a query',
      {
        query: { Qualifier: '$LATEST', b: ['2', '1'], a: 'ä &=+' },
        target:
          '/2015-03-31/functions/hello/invocations?b=2&b=1&a=%C3%A4%20%26%3D%2B&Qualifier=%24LATEST',
      },
    ],
    ['no body', { method: 'GET', body: '' }, ''],
  ])('may have %s', async (_what, sent, body) => {
    expect(verify(await signed(sent), body)).toMatchObject({ id: 'ci' });
  });

  test('is refused when anything that was signed has changed', async () => {
    const head = await signed();
    const changed: readonly [SignedHead, string?][] = [
      [head, '{"a":2}'],
      [{ ...head, method: 'PUT' }],
      [{ ...head, target: `${head.target}?x=1` }],
      [{ ...head, target: head.target.replace('hello', 'other') }],
      [{ ...head, headers: { ...head.headers, host: 'elsewhere' } }],
      [{ ...head, headers: { ...head.headers, 'content-type': 'text/plain' } }],
    ];
    for (const [request, body] of changed) {
      expect(() => verify(request, body)).toThrow(
        expect.objectContaining({ code: 'forbidden', reason: 'security.wrong_signature' }),
      );
    }
  });

  test.each<[string, Sent, string]>([
    ['by an unknown key', { keyId: 'nobody' }, 'security.unknown_key'],
    [
      'five minutes and a second ago',
      { at: new Date(+now - 301_000) },
      'security.signature_expired',
    ],
    ['for in six minutes', { at: new Date(+now + 360_000) }, 'security.signature_expired'],
    ['for another service', { service: 's3' }, 'security.signature_incomplete'],
  ])('is refused when it was signed %s', async (_what, sent, reason) => {
    const head = await signed(sent);
    expect(() => verify(head)).toThrow(expect.objectContaining({ code: 'forbidden', reason }));
  });
});

test.each([
  'AWS4-HMAC-SHA256 ',
  'AWS4-HMAC-SHA256 Credential=ci',
  'AWS4-HMAC-SHA256 Credential=ci/20260102/x/lambda/aws4_request, SignedHeaders=, Signature=00',
  `AWS4-HMAC-SHA256 Credential=ci/20260102/x/lambda/aws4_request, SignedHeaders=host, Signature=${'0'.repeat(64)}`,
])('the incomplete header "%s" is refused', (authorization) => {
  const headers = { authorization, host: 'h', 'x-amz-date': '20260102T030405Z' };
  expect(() => authorizer.claim({ method: 'GET', target: '/', headers })).toThrow(
    expect.objectContaining({ reason: 'security.signature_incomplete' }),
  );
});

test('what is signed in no such way is no claim', () => {
  const head = { method: 'GET', target: '/', headers: { authorization: 'Bearer ci:x' } };
  expect(authorizer.claim(head)).toBeUndefined();
});
