import type { OutsideDestination } from '../domain/async-settings.ts';
import {
  asyncSettingsOf,
  defaultAsyncSettings,
  outsideSettings,
} from '../domain/async-settings.ts';
import { cloudEvent } from '../domain/cloud-event.ts';
import { hopLimit, type AsyncInvocation } from '../domain/event-queue.ts';
import { fitsPattern, type FactPattern } from '../domain/fact-pattern.ts';
import type { Fact, StreamedFact } from '../domain/facts.ts';
import { liveVersion, type FunctionRecord } from '../domain/function.ts';
import { causeOf, type Tracing } from '../domain/trace.ts';
import { webhookQueue, type WebhookRecord } from '../domain/webhook.ts';
import { uuidOf } from '../lib/uuid-of.ts';

/** Who is to be told of facts: a function, or someone outside. */
export interface Subscription {
  /** The event queue by which it is told. */
  readonly queue: string;
  readonly patterns: readonly FactPattern[];
  readonly settings: AsyncInvocation['settings'];
  readonly destination?: OutsideDestination;
}

export function subscriptions(
  functions: readonly FunctionRecord[],
  webhooks: readonly WebhookRecord[],
): readonly Subscription[] {
  const triggered = functions.flatMap((record): readonly Subscription[] => {
    const { spec } = liveVersion(record);
    if (!spec.events) return [];
    return [{ queue: spec.name, patterns: spec.events, settings: asyncSettingsOf(spec) }];
  });
  const outside = webhooks.map(({ name, pattern, destination }): Subscription => ({
    queue: webhookQueue(name),
    patterns: [pattern],
    settings: outsideSettings(defaultAsyncSettings),
    destination,
  }));
  return [...triggered, ...outside];
}

/**
 * Is this one to be told of it? INVARIANT: functions do not set one another off without end: what an
 * invocation by a fact brings about counts how many led to it, up to a limit; and where a fact does
 * not count them, those of functions that facts invoke concern no other function.
 */
export function isFor(
  { queue, patterns, destination }: Subscription,
  fact: Fact,
  isTriggered: (functionName: string) => boolean,
): boolean {
  if (!patterns.some((pattern) => fitsPattern(pattern, fact))) return false;
  if (destination) return true;
  const { type, data } = fact;
  if (type === 'event.dropped') return false;
  if (!('functionName' in data)) return true;
  if (data.functionName === queue) return false;
  if (type === 'invocation.completed') return (data.callDepth ?? 0) < hopLimit;
  return type.startsWith('function.') || !isTriggered(data.functionName);
}

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
