import { describe, expect, it } from 'vitest';
import { readyCount } from '../../../src/schedules/provisioned-windows.ts';

const officeHours = {
  from: '0 8 * * 1-5',
  until: '0 18 * * 1-5',
  timeZone: 'Europe/Berlin',
  count: 20,
};
const at = (time: string) =>
  readyCount({ min: 2, max: 50, provisioned: [officeHours] }, Date.parse(time));

describe('sandboxes are ready', () => {
  it.each([
    ['before the window', '2026-01-12T07:59:59+01:00', 2],
    ['from its beginning', '2026-01-12T08:00:00+01:00', 20],
    ['until its end', '2026-01-12T17:59:59+01:00', 20],
    ['after it', '2026-01-12T18:00:00+01:00', 2],
    ['on a day without one', '2026-01-17T12:00:00+01:00', 2],
    ['in the time of the zone, also in summer', '2026-07-13T08:00:00+02:00', 20],
  ])('%s', (_when, time, count) => {
    expect(at(time)).toBe(count);
  });

  it('over midnight, and as many as the larger of two windows says', () => {
    const night = { from: '0 22 * * *', until: '0 4 * * *', timeZone: 'UTC', count: 5 };
    const scaling = { min: 0, max: 50, provisioned: [night, { ...night, count: 3 }] };
    const counts = ['21:59', '22:00', '00:30', '03:59', '04:00'].map((time) =>
      readyCount(scaling, Date.parse(`2026-01-12T${time}:00Z`)),
    );
    expect(counts).toEqual([0, 5, 5, 5, 0]);
  });

  it('as many as `min` where there is no window', () => {
    expect(readyCount({ min: 3, max: 50 }, 0)).toBe(3);
  });
});
