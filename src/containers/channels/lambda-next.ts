import { functionArn } from '../../domain/function-arn.ts';
import type { HeaderList, InvocationRequest, RequestHead } from '../../domain/invocation.ts';
import type { InitMessage } from '../../domain/sandbox-channel.ts';
import { clientContext } from '../../../runtime/node/client-context.mjs';
import { toLambdaEvent } from '../../../runtime/node/lambda-event.mjs';

/** What `GET …/invocation/next` is answered with. Three of the headers are required by clients. */
export function nextEvent(
  { id, head, body, deadlineMs }: InvocationRequest,
  { functionName }: InitMessage,
): { readonly headers: Record<string, string>; readonly body: Uint8Array | string } {
  const trace = traceId(head.headers);
  const context = contextHeader(head);
  return {
    headers: {
      'content-type': 'application/json',
      'lambda-runtime-aws-request-id': id,
      'lambda-runtime-deadline-ms': String(Math.floor(deadlineMs)),
      'lambda-runtime-invoked-function-arn': functionArn(functionName),
      ...(trace === undefined ? {} : { 'lambda-runtime-trace-id': trace }),
      ...(context === undefined ? {} : { 'lambda-runtime-client-context': context }),
    },
    body: head.trigger === 'http' ? httpEvent() : body.length > 0 ? body : '{}',
  };

  function httpEvent(): string {
    const request = { ...head, id, deadlineMs, headers: head.headers.map(copyPair) };
    return JSON.stringify(toLambdaEvent({ head: request, body: Buffer.from(body), functionName }));
  }
}

const copyPair = ([name, value]: HeaderList[number]): [string, string] => [name, value];

/** JSON in UTF-8 and without control characters: Node takes headers for Latin-1, and so few. */
function contextHeader(head: RequestHead): string | undefined {
  const context = JSON.stringify(clientContext(head))?.replaceAll('\x7f', '\\u007f');
  return context === undefined ? undefined : Buffer.from(context).toString('latin1');
}

/** A W3C trace context as X-Ray writes it: the same digits. */
function traceId(headers: HeaderList): string | undefined {
  const parent = headers.find(([name]) => name === 'traceparent')?.[1] ?? '';
  const parts = /^00-([0-9a-f]{8})([0-9a-f]{24})-([0-9a-f]{16})-[0-9a-f]([0-9a-f])$/.exec(parent);
  if (!parts) return undefined;
  const [, time, rest, span, flags = '0'] = parts;
  const sampled = Number.parseInt(flags, 16) & 1;
  return `Root=1-${time}-${rest};Parent=${span};Sampled=${sampled}`;
}
