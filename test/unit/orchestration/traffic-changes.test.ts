import { describe, expect, it } from 'vitest';
import { chosenVersion, namedVersion, type FunctionRecord } from '../../../src/domain/function.ts';
import { rolledBack, withAlias, withTraffic } from '../../../src/orchestration/traffic-changes.ts';
import { digestOf, specOf } from '../../support/function-records.ts';

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

describe('traffic', () => {
  it('goes to the version that is named, and what was live is remembered', () => {
    const next = withTraffic(record, { live: '1' });
    expect(next).toMatchObject({ revision: 4, live: digestOf('a'), previous: digestOf('c') });
  });

  it('is split by chance', () => {
    const next = withTraffic(record, { live: 'live', split: { version: '2', percent: 25 } });
    expect(next.previous).toBe(digestOf('b'));
    const numbers = [0, 0.2499, 0.25, 0.999].map((chance) => chosenVersion(next, chance).number);
    expect(numbers).toEqual([2, 2, 3, 3]);
  });

  it('is not split any more when only one version is named', () => {
    const split = withTraffic(record, { live: '3', split: { version: '2', percent: 25 } });
    expect(withTraffic(split, { live: '3' })).not.toHaveProperty('split');
  });

  it.each([
    [{ live: '9' }, 'functions.no_version'],
    [{ live: '3', split: { version: 'nope', percent: 5 } }, 'functions.no_version'],
    [{ live: '3', split: { version: 'live', percent: 5 } }, 'functions.invalid_traffic'],
  ])('to %j is refused', (traffic, reason) => {
    expect(() => withTraffic(record, traffic)).toThrow(expect.objectContaining({ reason }));
  });
});

describe('a rollback', () => {
  it('goes to what was live before, and back again', () => {
    const back = rolledBack(record);
    expect(back.live).toBe(digestOf('b'));
    expect(rolledBack(back).live).toBe(digestOf('c'));
  });

  it('takes all traffic back from a version that is being tried', () => {
    const split = withTraffic(record, { live: '3', split: { version: '2', percent: 25 } });
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
