import { expect, test } from 'vitest';
import { invocationRoute } from '../../../src/gateway/invocation-route.ts';
import { parseLambdaName } from '../../../src/gateway/lambda/lambda-function-name.ts';

const arn = 'arn:aws:lambda:eu-central-1:123456789012:function';

test.each([
  ['mail', undefined, { name: 'mail' }],
  ['mail:blue', undefined, { name: 'mail', qualifier: 'blue' }],
  ['function:mail:2', undefined, { name: 'mail', qualifier: '2' }],
  ['123456789012:function:mail', '3', { name: 'mail', qualifier: '3' }],
  [`${arn}:mail`, '$LATEST', { name: 'mail' }],
  [`${arn}:mail:$LATEST`, undefined, { name: 'mail' }],
  [
    `arn:aws-cn:lambda:cn-north-1:123456789012:function:mail:1`,
    null,
    { name: 'mail', qualifier: '1' },
  ],
  ['function', undefined, { name: 'function' }],
  // What is no function's name stays what no function has.
  ['arn:aws:s3:::bucket', undefined, { name: 'arn:aws:s3:::bucket' }],
  ['../mail', undefined, { name: '../mail' }],
  ['', undefined, { name: '' }],
])('%s with the qualifier %s is %o', (text, given, parsed) => {
  expect(parseLambdaName(text, given)).toEqual(parsed);
});

test.each([
  ['/2015-03-31/functions/mail/invocations', 'Invoke', 'mail'],
  ['/2015-03-31/functions/mail/invocations/?Qualifier=2', 'Invoke', 'mail', '2'],
  [
    `/2015-03-31/functions/${encodeURIComponent(`${arn}:mail:blue`)}/invocations`,
    'Invoke',
    'mail',
    'blue',
  ],
  ['/2021-11-15/functions/mail/response-streaming-invocations', 'InvokeWithResponseStream', 'mail'],
  ['/2015-03-31/functions/%F/invocations', 'Invoke', '%F'],
])('%s is %s of %s', (target, lambda, functionName, ...qualifiers) => {
  const [qualifier] = qualifiers;
  expect(invocationRoute('POST', target)).toEqual({
    trigger: 'event',
    url: '/',
    functionName,
    lambda,
    ...(qualifier === undefined ? {} : { qualifier }),
  });
  expect(invocationRoute('GET', target)).toBeUndefined();
});
