import type { IncomingMessage } from 'node:http';
import type { FunctionError, ResponseHead } from '../../domain/invocation.ts';
import { fromHttpResult, lambdaHead } from '../../../runtime/node/lambda-result.mjs';
import { parseLambdaError } from './lambda-errors.ts';
import type { PendingInvocation } from './pending-invocation.ts';
import { readBody } from './runtime-api.ts';

/** Lambda's own limit, to the byte. */
const responseLimitBytes = 6 * 1024 * 1024 + 100;

const preludeType = 'application/vnd.awslambda.http-integration-response';
const preludeLimitBytes = 64 * 1024;
const preludeEnd = Buffer.alloc(8);

/**
 * Takes the body of `POST …/response` for the answer of an invocation. Resolves when the last of it
 * has been passed on. @throws BodyTooLarge, or the connection's error where it broke.
 */
export async function takeResponse(
  request: IncomingMessage,
  invocation: PendingInvocation,
): Promise<void> {
  const isStreamed = request.headers['lambda-runtime-function-response-mode'] === 'streaming';
  if (isStreamed) return await takeStream(request, invocation);
  const body = await readBody(request, responseLimitBytes);
  const isEvent = invocation.request.head.trigger === 'event';
  const answer = isEvent ? { head: lambdaHead(200), body } : attempt(() => httpAnswer(body));
  if ('type' in answer) return invocation.end(answer);
  invocation.head(answer.head);
  await invocation.chunk(answer.body);
  invocation.end();
}

async function takeStream(request: IncomingMessage, invocation: PendingInvocation): Promise<void> {
  const type = request.headers['content-type'] ?? 'application/octet-stream';
  const isHttp = invocation.request.head.trigger === 'http';
  const hasPrelude = isHttp && type === preludeType;
  if (!hasPrelude) invocation.head(lambdaHead(200, { 'content-type': type }));
  let prelude = Buffer.alloc(0);
  for await (const chunk of request as AsyncIterable<Buffer>) {
    if (invocation.over.aborted) return;
    if (invocation.hasHead) {
      await invocation.chunk(chunk);
      continue;
    }
    prelude = Buffer.concat([prelude, chunk]); // its end may come in two pieces
    const end = prelude.indexOf(preludeEnd);
    if (end < 0 && prelude.length <= preludeLimitBytes) continue;
    const head = attempt(() => preludeHead(prelude.subarray(0, end)));
    if ('type' in head) return invocation.end(head);
    invocation.head(head);
    await invocation.chunk(prelude.subarray(end + preludeEnd.length));
  }
  const failure = trailingError(request);
  invocation.end(failure ?? (invocation.hasHead ? undefined : noPrelude));
}

const noPrelude: FunctionError = {
  type: 'Runtime.InvalidResponse',
  message: 'The streamed response ended before its status and headers.',
};

function httpAnswer(body: Buffer): { readonly head: ResponseHead; readonly body: Buffer } {
  return fromHttpResult(JSON.parse(body.toString()));
}

function preludeHead(bytes: Buffer): ResponseHead {
  const { statusCode = 200, headers, cookies } = Object(JSON.parse(bytes.toString()));
  return lambdaHead(statusCode, headers, cookies);
}

/** The result, or why the answer is not one. */
function attempt<T>(make: () => T): T | FunctionError {
  try {
    return make();
  } catch (error) {
    return { type: 'Runtime.InvalidResponse', message: (error as Error).message };
  }
}

/** A stream that failed on its way says so behind its end. */
function trailingError({ trailers }: IncomingMessage): FunctionError | undefined {
  const type = trailers['lambda-runtime-function-error-type'];
  if (type === undefined) return undefined;
  const body = trailers['lambda-runtime-function-error-body'] ?? '';
  return { type, ...described(parseLambdaError(Buffer.from(body, 'base64'))) };
}

function described({ message, stack }: FunctionError): Omit<FunctionError, 'type'> {
  return { message, ...(stack === undefined ? {} : { stack }) };
}
