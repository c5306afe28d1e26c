import type { HeaderList, InvocationRequest } from '../../domain/invocation.ts';
import type { InitMessage } from '../../domain/sandbox-channel.ts';
import { toLambdaEvent } from '../../../runtime/node/lambda-event.mjs';

/** What `GET …/invocation/next` is answered with. Three of the headers are required by clients. */
export function nextEvent(
  { id, head, body, deadlineMs }: InvocationRequest,
  { functionName }: InitMessage,
): { readonly headers: Record<string, string>; readonly body: Uint8Array | string } {
  const trace = traceId(head.headers);
  return {
    headers: {
      'content-type': 'application/json',
      'lambda-runtime-aws-request-id': id,
      'lambda-runtime-deadline-ms': String(Math.floor(deadlineMs)),
      'lambda-runtime-invoked-function-arn': `arn:aws:lambda:local:000000000000:function:${functionName}`,
      ...(trace === undefined ? {} : { 'lambda-runtime-trace-id': trace }),
    },
    body: head.trigger === 'http' ? httpEvent() : body.length > 0 ? body : '{}',
  };

  function httpEvent(): string {
    const request = { ...head, id, deadlineMs, headers: head.headers.map(copyPair) };
    return JSON.stringify(toLambdaEvent({ head: request, body: Buffer.from(body), functionName }));
  }
}

const copyPair = ([name, value]: HeaderList[number]): [string, string] => [name, value];

/** A W3C trace context as X-Ray writes it: the same digits. */
function traceId(headers: HeaderList): string | undefined {
  const parent = headers.find(([name]) => name === 'traceparent')?.[1] ?? '';
  const parts = /^00-([0-9a-f]{8})([0-9a-f]{24})-([0-9a-f]{16})-[0-9a-f]([0-9a-f])$/.exec(parent);
  if (!parts) return undefined;
  const [, time, rest, span, flags = '0'] = parts;
  const sampled = Number.parseInt(flags, 16) & 1;
  return `Root=1-${time}-${rest};Parent=${span};Sampled=${sampled}`;
}
