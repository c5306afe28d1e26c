import { describe, expect, it } from 'vitest';
import type { FunctionRecord } from '../../../src/domain/function.ts';
import { nextRecord, versionsKept } from '../../../src/orchestration/next-record.ts';
import { digestOf, specOf } from '../../support/function-records.ts';

const now = new Date('2026-01-02T03:04:05.000Z');
const hello = specOf('hello');

function deployAll(digits: readonly string[]): FunctionRecord | undefined {
  let record: FunctionRecord | undefined;
  for (const digit of digits) record = nextRecord(record, digestOf(digit), hello, now);
  return record;
}

describe('nextRecord', () => {
  it('begins a new function at revision 1 with version 1', () => {
    expect(nextRecord(undefined, digestOf('a'), hello, now)).toEqual({
      name: 'hello',
      revision: 1,
      live: digestOf('a'),
      versions: [
        { number: 1, digest: digestOf('a'), spec: hello, createdAt: '2026-01-02T03:04:05.000Z' },
      ],
    });
  });

  it('adds another image as the next version and makes it live', () => {
    const record = deployAll(['a', 'b']);
    expect(record).toMatchObject({ revision: 2, live: digestOf('b') });
    expect(record?.versions.map(({ number }) => number)).toEqual([1, 2]);
  });

  it('changes nothing when the image is live already', () => {
    const record = deployAll(['a']);
    expect(nextRecord(record, digestOf('a'), hello, now)).toBe(record);
  });

  it('gives an image that served before a new number', () => {
    const record = deployAll(['a', 'b', 'a']);
    expect(record).toMatchObject({ revision: 3, live: digestOf('a') });
    expect(record?.versions.at(-1)?.number).toBe(3);
  });

  it('keeps a bounded number of versions, the newest, and goes on counting', () => {
    const deploys = versionsKept + 5;
    const record = deployAll(Array.from({ length: deploys }, (_, i) => (i % 2 ? 'a' : 'b')));
    expect(record?.versions).toHaveLength(versionsKept);
    expect(record?.versions.at(-1)?.number).toBe(deploys);
  });
});
