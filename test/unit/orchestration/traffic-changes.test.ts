import { describe, expect, it } from 'vitest';
import { chosenVersion, namedVersion, type FunctionRecord } from '../../../src/domain/function.ts';
import { withCanaryMoved } from '../../../src/orchestration/canary-changes.ts';
import { rolledBack, withAlias, withTraffic } from '../../../src/orchestration/traffic-changes.ts';
import { digestOf, specOf } from '../../support/function-records.ts';

const now = new Date('2026-02-03T04:05:06.000Z');

/** Versions 1, 2 and 3 of the images a, b and c; the last is live. */
const record: FunctionRecord = {
  name: 'hello',
  revision: 3,
  live: digestOf('c'),
  previous: digestOf('b'),
  versions: ['a', 'b', 'c'].map((digit, index) => ({
    number: index + 1,
    digest: digestOf(digit),
    spec: specOf('hello'),
    createdAt: '2026-01-02T03:04:05.000Z',
  })),
};

const canary = (...next: number[]) => ({
  next,
  everyMs: 60_000,
  maxErrorPercent: 2,
  maxSlowdown: 2,
});

describe('traffic', () => {
  it('goes to the version that is named, and what was live is remembered', () => {
    const next = withTraffic(record, { live: '1' }, now);
    expect(next).toMatchObject({ revision: 4, live: digestOf('a'), previous: digestOf('c') });
  });

  it('is split by chance', () => {
    const next = withTraffic(record, { live: 'live', split: { version: '2', percent: 25 } }, now);
    expect(next.previous).toBe(digestOf('b'));
    const numbers = [0, 0.2499, 0.25, 0.999].map((chance) => chosenVersion(next, chance).number);
    expect(numbers).toEqual([2, 2, 3, 3]);
  });

  it('is not split any more when only one version is named', () => {
    const split = withTraffic(record, { live: '3', split: { version: '2', percent: 25 } }, now);
    expect(withTraffic(split, { live: '3' }, now)).not.toHaveProperty('split');
  });

  it.each([
    [{ live: '9' }, 'functions.no_version'],
    [{ live: '3', split: { version: 'nope', percent: 5 } }, 'functions.no_version'],
    [{ live: '3', split: { version: 'live', percent: 5 } }, 'functions.invalid_traffic'],
    [
      { live: '3', split: { version: '2', percent: 5, canary: canary(25, 25) } },
      'functions.invalid_traffic',
    ],
  ])('to %j is refused', (traffic, reason) => {
    expect(() => withTraffic(record, traffic, now)).toThrow(expect.objectContaining({ reason }));
  });
});

describe('a canary', () => {
  const begun = withTraffic(
    { ...record, live: digestOf('b') },
    { live: 'live', split: { version: '3', percent: 5, canary: canary(50) } },
    now,
  );
  const later = new Date(now.getTime() + 60_000);

  it('gets its steps one after the other, and is live after the last', () => {
    const half = withCanaryMoved(begun, { kind: 'advance', reason: 'good' }, later);
    expect(half.split).toMatchObject({ percent: 50, canary: { next: [] } });
    expect(half.split?.canary?.since).toBe(later.toISOString());
    const whole = withCanaryMoved(half, { kind: 'advance', reason: 'good' }, later);
    expect(whole).toMatchObject({ revision: begun.revision + 2, live: digestOf('c') });
    expect(whole).toMatchObject({ previous: digestOf('b'), canaryEnd: { result: 'promoted' } });
    expect(whole).not.toHaveProperty('split');
  });

  it('is gone after a rollback, and it is kept why', () => {
    const back = withCanaryMoved(begun, { kind: 'roll_back', reason: 'bad' }, later);
    expect(back).toMatchObject({ live: digestOf('b') });
    expect(back.canaryEnd).toMatchObject({ version: digestOf('c'), reason: 'bad' });
    expect(back).not.toHaveProperty('split');
  });

  it('ends with any other change of the traffic', () => {
    expect(rolledBack(begun)).not.toHaveProperty('split');
    expect(withCanaryMoved(record, { kind: 'advance', reason: '' }, now)).toBe(record);
  });
});

describe('a rollback', () => {
  it('goes to what was live before, and back again', () => {
    const back = rolledBack(record);
    expect(back.live).toBe(digestOf('b'));
    expect(rolledBack(back).live).toBe(digestOf('c'));
  });

  it('takes all traffic back from a version that is being tried', () => {
    const split = withTraffic(record, { live: '3', split: { version: '2', percent: 25 } }, now);
    const back = rolledBack(split);
    expect(back.live).toBe(digestOf('c'));
    expect(back).not.toHaveProperty('split');
  });

  it('needs something to go back to', () => {
    const { previous: _none, ...first } = record;
    const reason = 'functions.nothing_before';
    expect(() => rolledBack(first)).toThrow(expect.objectContaining({ reason }));
  });
});

describe('an alias', () => {
  it('names a version until it is moved or removed', () => {
    const named = withAlias(record, 'stable', '1');
    expect(namedVersion(named, 'stable')?.number).toBe(1);
    const moved = withAlias(named, 'stable', 'latest');
    expect(namedVersion(moved, 'stable')?.number).toBe(3);
    expect(namedVersion(withAlias(moved, 'stable', undefined), 'stable')).toBeUndefined();
  });

  it.each(['live', 'latest', '7', 'Not A Name', '__proto__'])('cannot be called %j', (alias) => {
    const reason = 'functions.invalid_traffic';
    expect(() => withAlias(record, alias, '1')).toThrow(expect.objectContaining({ reason }));
    expect(namedVersion(record, '__proto__')).toBeUndefined();
  });

  it('that is not there cannot be removed', () => {
    const reason = 'functions.no_alias';
    expect(() => withAlias(record, 'stable', undefined)).toThrow(
      expect.objectContaining({ reason }),
    );
  });
});
