import type { AsyncSettings, DestinationSettings } from '../domain/async-settings.ts';
import type { InvocationRecord } from '../domain/invocation-record.ts';

/** POLICY: invocations that are told of one another's ends, in a row; more is a circle. */
export const hopLimit = 8;

/** Who is to be told of the end of an invocation; undefined: nobody, or it has not ended so. */
export function destinationOf({
  state,
  settings,
  destination,
  hops = 0,
}: InvocationRecord): DestinationSettings | undefined {
  if (destination || hops >= hopLimit) return undefined; // of who was told nobody is told
  if (state === 'done') return settings.onSuccess;
  return state === 'dead_letter' ? settings.onFailure : undefined;
}

/**
 * POLICY: others may be away for longer than a function of one's own fails. Twelve tries, with pauses
 * up to 15 minutes, are spread over more than an hour.
 */
export function outsideSettings({ retention }: AsyncSettings): AsyncSettings {
  return { attempts: 12, backoffMs: 5_000, maxAgeMs: 24 * 3_600_000, retention };
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
