import { cloudEvent } from '../domain/cloud-event.ts';
import type { AsyncInvocation } from '../domain/event-queue.ts';
import type { StreamedFact } from '../domain/facts.ts';
import { causeOf, type Tracing } from '../domain/trace.ts';
import { uuidOf } from '../lib/uuid-of.ts';
import type { Subscription } from './event-trigger-policy.ts';

/** The id is made of the fact: however often it is read, it is told once while that is recorded. */
export function eventInvocation(
  { queue, settings, destination }: Subscription,
  streamed: StreamedFact,
  tracing: Pick<Tracing, 'beginAttempt'>,
): AsyncInvocation {
  const { type, data } = streamed.fact;
  const cause = 'trace' in data ? data.trace : undefined;
  const trace = cause && tracing.beginAttempt([causeOf(cause)]);
  const callDepth = ('callDepth' in data ? (data.callDepth ?? 0) : 0) + 1;
  return {
    id: uuidOf(`event/${streamed.id}/${queue}`),
    functionName: queue,
    source: 'event',
    head: {
      trigger: 'event',
      method: 'POST',
      url: '/',
      headers: [
        ['content-type', 'application/cloudevents+json'],
        ['x-hearth-event', type],
      ],
      sourceIp: '',
      callDepth,
    },
    body: Buffer.from(JSON.stringify(cloudEvent(streamed))),
    settings,
    ...(destination ? { destination } : {}),
    ...(trace ? { trace } : {}),
  };
}
