import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cronTimes } from '../../../src/schedules/cron-times.ts';

/** The times after an instant, as the zone's clocks show them and in UTC. */
function timesAfter(schedule: string, timeZone: string, from: string, count: number): string[] {
  const times = cronTimes(schedule, timeZone);
  const found: string[] = [];
  let time: number | undefined = Date.parse(from);
  while (found.length < count) {
    time = times.after(time);
    if (time === undefined) break;
    found.push(new Date(time).toISOString().replace(':00.000Z', ''));
  }
  return found;
}

describe('a schedule', () => {
  test.each([
    ['0 3 * * *', 'UTC', '2026-01-01', ['2026-01-01T03:00', '2026-01-02T03:00']],
    ['@daily', 'Europe/Berlin', '2026-01-01', ['2026-01-01T23:00', '2026-01-02T23:00']],
    ['0 12 * * MON-THU', 'UTC', '2026-01-01', ['2026-01-01T12:00', '2026-01-05T12:00']],
    ['0 0 29 2 *', 'UTC', '2026-01-01', ['2028-02-29T00:00', '2032-02-29T00:00']],
    ['0 9 13 * FRI', 'UTC', '2026-01-01', ['2026-01-02T09:00', '2026-01-09T09:00']], // either
    [
      '30 */6 1 * * *',
      'UTC',
      '2026-01-01',
      ['2026-01-01T01:00:30.000Z', '2026-01-01T01:06:30.000Z'],
    ],
  ])('%s in %s has the times that it says', (schedule, zone, from, expected) => {
    expect(timesAfter(schedule, zone, from, 2)).toEqual(expected);
  });

  test.each([
    ['0 0 30 2 *', 'not a schedule'],
    ['61 * * * *', '0-59'],
    ['* * *', '5 fields'],
    ['* * * * * * *', '5 fields'],
    ['H * * * *', 'not a field'],
    ['H(0-5),3 * * * *', 'not a field'],
    ['@often', 'not a schedule'],
    ['', '5 fields'],
  ])('"%s" is refused', (schedule, words) => {
    expect(() => cronTimes(schedule, 'UTC')).toThrow(words);
  });

  test('in no known zone is refused', () => {
    expect(() => cronTimes('@daily', 'Mars/Olympus')).toThrow('not a time zone');
  });
});

describe('when the clocks are put forward', () => {
  test('a time that is left out runs as much later', () => {
    const times = timesAfter('30 2 * * *', 'America/New_York', '2026-03-07T00:00Z', 3);
    expect(times).toEqual(['2026-03-07T07:30', '2026-03-08T07:30', '2026-03-09T06:30']);
    const half = timesAfter('15 2 * * *', 'Australia/Lord_Howe', '2026-10-02T16:00Z', 3);
    expect(half).toEqual(['2026-10-03T15:45', '2026-10-04T15:15', '2026-10-05T15:15']);
  });

  test('what runs every hour goes on by elapsed time', () => {
    const times = timesAfter('*/30 * * * *', 'America/New_York', '2026-03-08T06:10Z', 3);
    expect(times).toEqual(['2026-03-08T06:30', '2026-03-08T07:00', '2026-03-08T07:30']);
  });
});

describe('when the clocks are put back', () => {
  test('a time that comes twice runs once', () => {
    const times = timesAfter('30 1 * * *', 'America/New_York', '2026-10-31T00:00Z', 3);
    expect(times).toEqual(['2026-10-31T05:30', '2026-11-01T05:30', '2026-11-02T06:30']);
  });

  test('what runs every hour runs in both', () => {
    const times = timesAfter('0 * * * *', 'America/New_York', '2026-11-01T04:30Z', 3);
    expect(times).toEqual(['2026-11-01T05:00', '2026-11-01T06:00', '2026-11-01T07:00']);
  });
});

const zones = fc.constantFrom(
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/St_Johns',
  'America/Santiago',
  'America/Havana',
  'Australia/Lord_Howe',
  'Australia/Adelaide',
  'Pacific/Chatham',
  'Pacific/Apia',
  'Africa/Casablanca',
  'Antarctica/Troll',
  'Asia/Kathmandu',
);
const instants = fc.integer({ min: Date.UTC(2015, 0), max: Date.UTC(2030, 0) });
const dayMs = 86_400_000;

describe('in real zones, whatever their clocks do', () => {
  test('a daily time runs exactly once for each local day', () => {
    const hours = fc.integer({ min: 0, max: 23 });
    const minutes = fc.integer({ min: 0, max: 59 });
    fc.assert(
      fc.property(zones, hours, minutes, instants, (zone, hour, minute, from) => {
        const times = cronTimes(`${minute} ${hour} * * *`, zone);
        const day = new Intl.DateTimeFormat('en-CA', { timeZone: zone, dateStyle: 'short' });
        let time = times.after(from) ?? NaN;
        for (let i = 0; i < 20; i += 1) {
          const next = times.after(time) ?? NaN;
          expect(Date.parse(day.format(next)) - Date.parse(day.format(time))).toBe(dayMs);
          time = next;
        }
      }),
      { numRuns: 150 },
    );
  });

  test('a schedule for every hour leaves nothing out and doubles nothing', () => {
    fc.assert(
      fc.property(zones, instants, (zone, from) => {
        const times = cronTimes('*/15 * * * *', zone);
        let time = times.after(from) ?? NaN;
        for (let i = 0; i < 100; i += 1) {
          const next = times.after(time) ?? NaN;
          expect(next - time).toBe(15 * 60_000);
          time = next;
        }
      }),
      { numRuns: 60 },
    );
  });

  test('the next time depends on nothing but the instant', () => {
    const schedules = fc.constantFrom('*/7 1-3 * * *', '30 2 * * *', '0 * * * *', '5 0,12 * * SUN');
    fc.assert(
      fc.property(
        zones,
        schedules,
        instants,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (zone, schedule, from, part) => {
          const times = cronTimes(schedule, zone);
          const next = times.after(from) ?? NaN;
          expect(next).toBeGreaterThan(from);
          const between = Math.floor(from + (next - 1 - from) * part);
          expect(cronTimes(schedule, zone).after(between)).toBe(next);
        },
      ),
      { numRuns: 200 },
    );
  });
});
