import { describe, expect, it } from 'vitest';
import type { FunctionRecord } from '../../../src/domain/function.ts';
import {
  nextRecord,
  versionsKept,
  type NewVersion,
} from '../../../src/orchestration/next-record.ts';
import { digestOf, specOf } from '../../support/function-records.ts';

const now = new Date('2026-01-02T03:04:05.000Z');
const hello = specOf('hello');
const image = (digit: string, isStaged = false): NewVersion => ({
  digest: digestOf(digit),
  spec: hello,
  isStaged,
});

function deployAll(digits: readonly string[]): FunctionRecord | undefined {
  let record: FunctionRecord | undefined;
  for (const digit of digits) record = nextRecord(record, image(digit), now);
  return record;
}

describe('nextRecord', () => {
  it('begins a new function at revision 1 with version 1', () => {
    expect(nextRecord(undefined, image('a'), now)).toEqual({
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
    expect(nextRecord(record, image('a'), now)).toBe(record);
  });

  it('lets what is live serve on when the new version is staged, once', () => {
    const staged = nextRecord(deployAll(['a']), image('b', true), now);
    expect(staged).toMatchObject({ revision: 2, live: digestOf('a') });
    expect(staged.versions.at(-1)).toMatchObject({ number: 2, digest: digestOf('b') });
    expect(nextRecord(staged, image('b', true), now)).toBe(staged);
  });

  it('makes a first version live even when it is staged', () => {
    expect(nextRecord(undefined, image('a', true), now).live).toBe(digestOf('a'));
  });

  it('remembers what was live before, and ends a split', () => {
    const split = { version: digestOf('a'), percent: 10 };
    const record = { ...(deployAll(['a', 'b']) as FunctionRecord), split };
    const next = nextRecord(record, image('b'), now);
    expect(next).toMatchObject({ live: digestOf('b'), previous: digestOf('a') });
    expect(next).not.toHaveProperty('split');
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

  it('keeps a version as long as something names it', () => {
    const digits = Array.from({ length: versionsKept + 5 }, (_, i) => (i % 2 ? 'a' : 'b'));
    let record = deployAll(['c']) as FunctionRecord;
    record = { ...record, aliases: { stable: digestOf('c') } };
    for (const digit of digits) record = nextRecord(record, image(digit), now);
    expect(record.versions).toHaveLength(versionsKept + 1);
    expect(record.versions[0]).toMatchObject({ number: 1, digest: digestOf('c') });
  });
});
