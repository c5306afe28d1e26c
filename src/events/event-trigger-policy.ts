import type { OutsideDestination } from '../domain/async-settings.ts';
import {
  asyncSettingsOf,
  defaultAsyncSettings,
  outsideSettings,
} from '../domain/async-settings.ts';
import { hopLimit, type AsyncInvocation } from '../domain/event-queue.ts';
import { fitsPattern } from '../domain/fact-matching.ts';
import type { FactPattern } from '../domain/fact-pattern.ts';
import type { Fact } from '../domain/facts.ts';
import { liveVersion, type FunctionRecord } from '../domain/function.ts';
import { webhookQueue, type WebhookRecord } from '../domain/webhook.ts';

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
