import type { QueueMessage, QueueTrigger } from '../domain/queue-trigger.ts';
import type { RemoteTrace } from '../domain/trace.ts';

/** A job of an application, as far as its function is concerned. */
export interface QueueJob extends QueueMessage {
  readonly data: unknown;
  /** The span that added it, where that is known. */
  readonly cause?: RemoteTrace | undefined;
}

/**
 * The event of a batch. One at a time: the job's data itself. More: as AWS Lambda is given messages
 * of SQS, the data of each as JSON in `body`.
 */
export function queueEvent(trigger: QueueTrigger, jobs: readonly QueueJob[]): unknown {
  if (trigger.batchSize === 1) return jobs[0]?.data ?? null;
  return {
    Records: jobs.map(({ id, data, attempts, timestampMs, childrenValues }) => ({
      messageId: id,
      body: JSON.stringify(data ?? null),
      attributes: {
        ApproximateReceiveCount: String(attempts),
        SentTimestamp: String(timestampMs),
      },
      messageAttributes: childrenValues
        ? { childrenValues: { dataType: 'String', stringValue: JSON.stringify(childrenValues) } }
        : {},
      eventSource: 'hearth:queue',
      eventSourceARN: `arn:hearth:queue:::${trigger.name}`,
    })),
  };
}

/** What became of a job: its result, or why it failed. */
export type JobResult = { readonly value: unknown } | { readonly error: string };

/**
 * What a function's answer means for each job of its batch: those that it names in
 * `batchItemFailures` failed, and all did where it names one that is not there (as on Lambda).
 */
export function jobResults(jobs: readonly QueueJob[], answer: unknown): readonly JobResult[] {
  const failures = failuresIn(answer);
  if (!failures) return jobs.map(() => ({ value: answer }));
  const ids = new Set(jobs.map(({ id }) => id));
  const failed = new Set(failures);
  const isConfused = failures.some((id) => !ids.has(id));
  return jobs.map(({ id }) =>
    isConfused || failed.has(id)
      ? { error: isConfused ? confused : 'The function reported it as failed.' }
      : { value: null },
  );
}

const confused =
  'The function reported failures of jobs that were not in its batch, so all count as failed.';

function failuresIn(answer: unknown): readonly string[] | undefined {
  const list = (answer as { readonly batchItemFailures?: unknown } | null)?.batchItemFailures;
  if (!Array.isArray(list)) return undefined;
  return list.map((item) =>
    String((item as { readonly itemIdentifier?: unknown } | null)?.itemIdentifier),
  );
}
