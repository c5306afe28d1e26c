import type { DestinationSettings } from '../domain/async-settings.ts';
import { hopLimit } from '../domain/event-queue.ts';
import type { InvocationRecord } from '../domain/invocation-record.ts';

/** Who is to be told of the end of an invocation; undefined: nobody, or it has not ended so. */
export function destinationOf({
  state,
  settings,
  destination,
  head: { callDepth = 0 },
}: InvocationRecord): DestinationSettings | undefined {
  if (destination || callDepth >= hopLimit) return undefined; // of who was told nobody is told
  if (state === 'done') return settings.onSuccess;
  return state === 'dead_letter' ? settings.onFailure : undefined;
}

/** What a destination is told, in the shape of AWS Lambda's destinations. */
export function destinationEvent(
  record: InvocationRecord,
  request: Uint8Array | undefined,
  answer: Uint8Array | undefined,
): object {
  const { id, functionName, state, attempts, endedMs = 0, failure, response } = record;
  return {
    version: '1.0',
    timestamp: new Date(endedMs).toISOString(),
    requestContext: {
      requestId: id,
      functionArn: `arn:aws:lambda:local:000000000000:function:${functionName}`,
      functionName,
      condition: state === 'done' ? 'Success' : 'RetriesExhausted',
      approximateInvokeCount: attempts.at(-1)?.number ?? 0,
    },
    requestPayload: parsed(request),
    ...(response ? { responseContext: { statusCode: response.status } } : {}),
    ...(failure
      ? { responsePayload: { errorType: failure.error?.type, errorMessage: failure.message } }
      : { responsePayload: parsed(answer) }),
  };
}

/** JSON as it is, other text as text. */
function parsed(bytes: Uint8Array | undefined): unknown {
  if (!bytes) return null;
  const text = new TextDecoder().decode(bytes);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
