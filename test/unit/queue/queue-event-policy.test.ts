import { describe, expect, test } from 'vitest';
import { jobResults, queueEvent } from '../../../src/queue/queue-event-policy.ts';

const trigger = {
  name: 'uploads',
  prefix: 'bull',
  connection: undefined,
  batchSize: 1,
  maxConcurrency: 1,
};
const job = (id: string, data: unknown = {}) => ({ id, data, attempts: 2, timestampMs: 5 });

describe('the event of a queue', () => {
  test("is the job's data where one comes at a time", () => {
    expect(queueEvent(trigger, [job('1', { file: 'a' })])).toEqual({ file: 'a' });
    expect(queueEvent(trigger, [job('1', null)])).toBeNull();
  });

  test('has records as those of SQS where several come', () => {
    const batch = { ...trigger, batchSize: 10 };
    expect(queueEvent(batch, [job('1', { file: 'a' }), job('2', 7)])).toMatchObject({
      Records: [
        {
          messageId: '1',
          body: '{"file":"a"}',
          attributes: { ApproximateReceiveCount: '2', SentTimestamp: '5' },
        },
        { messageId: '2', body: '7' },
      ],
    });
  });
});

describe('the parent of a flow', () => {
  test("has its children's values as a message attribute where several jobs come", () => {
    const batch = { ...trigger, batchSize: 10 };
    const parent = { ...job('1'), childrenValues: { 'bull:parts:7': { pages: 3 } } };
    expect(queueEvent(batch, [parent, job('2')])).toMatchObject({
      Records: [
        {
          messageAttributes: {
            childrenValues: { dataType: 'String', stringValue: '{"bull:parts:7":{"pages":3}}' },
          },
        },
        { messageAttributes: {} },
      ],
    });
  });
});

describe('the answer to a batch', () => {
  const jobs = [job('1'), job('2')];
  const failures = (...ids: unknown[]) => ({
    batchItemFailures: ids.map((itemIdentifier) => ({ itemIdentifier })),
  });

  test('is the result of each job, unless it names those that failed', () => {
    expect(jobResults(jobs, { sum: 3 })).toEqual([{ value: { sum: 3 } }, { value: { sum: 3 } }]);
    expect(jobResults(jobs, failures('2'))).toEqual([
      { value: null },
      { error: expect.any(String) as string },
    ]);
    expect(jobResults(jobs, failures())).toEqual([{ value: null }, { value: null }]);
  });

  test('fails all where it names one that is not in the batch', () => {
    for (const answer of [failures('3'), failures(undefined), { batchItemFailures: [null] }]) {
      expect(jobResults(jobs, answer).every((result) => 'error' in result)).toBe(true);
    }
  });
});
