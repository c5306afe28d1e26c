import type { InvocationId, NodeId } from '../domain/ids.ts';

/**
 * Every key and channel of the event queues but BullMQ's own. The braces keep all of them in one
 * cluster slot, because the scripts touch many at once.
 */
export const eventQueueKeys = (prefix: string) => {
  const at = (key: string): string => `${prefix}{invocations}:${key}`;
  return {
    /** Hash: `revision`, and `record`, the JSON of the InvocationRecord. */
    record: (id: InvocationId) => at(`record:${id}`),
    /** String: the event's bytes. */
    body: (id: InvocationId) => at(`body:${id}`),
    /** String: the bytes of the function's answer. */
    answer: (id: InvocationId) => at(`answer:${id}`),
    /** Sorted set: ids that are queued or running, by the time of acceptance. */
    live: (functionName: string) => at(`live:${functionName}`),
    /** Sorted set: ids that are done or cancelled, by the time of their end. */
    ended: (functionName: string) => at(`ended:${functionName}`),
    /** Sorted set: ids of dead letters, by the time of their end. */
    dead: (functionName: string) => at(`dead:${functionName}`),
    /** Hash: id → `function token` of what a node runs. */
    running: (node: NodeId) => at(`running:${node}`),
    /** Hash: what an Idempotency-Key, by its digest, stands for. */
    idempotency: (functionName: string, digest: string) => at(`key:${functionName}:${digest}`),
    /** Sorted set: functions whose queue has work, by the time at which to look at it. */
    work: at('work'),
    /** Channel: names of functions whose queue has work now. */
    wake: at('wake'),
    /** Channel of one invocation: its state, at every change of its record. */
    news: (id: InvocationId) => at(`news:${id}`),
    /** Channel: ids of running invocations that are to be cancelled. */
    cancel: at('cancel'),
  };
};

export type EventQueueKeys = ReturnType<typeof eventQueueKeys>;

/** The name of a function's BullMQ queue. */
export const eventQueueName = (functionName: string): string => `events.${functionName}`;
