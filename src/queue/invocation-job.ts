import type { JobJson } from 'bullmq';
import type { InvocationRecord } from '../domain/invocation-record.ts';

/** The BullMQ job of an invocation. Its own attempts are not used: the record has them. */
export function jobOf({ id, dueMs, priority }: InvocationRecord, nowMs: number): JobJson {
  const delay = dueMs - nowMs;
  return {
    id,
    name: 'invocation',
    data: '{}',
    opts: { attempts: 1, ...(delay > 0 ? { delay } : {}), ...(priority ? { priority } : {}) },
    timestamp: nowMs,
    progress: 0,
    attemptsMade: 0,
    attemptsStarted: 0,
    stalledCounter: 0,
    failedReason: '',
    returnvalue: 'null',
  };
}
