import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { misfires, type Misfire } from '../../../src/domain/schedule.ts';
import {
  decide,
  newState,
  onTimeMs,
  pauseOrResume,
  pendingLimit,
  plan,
  type ScheduleState,
} from '../../../src/schedules/planning-policy.ts';

const second = 1000;
const everySecond = (ms: number) => (Math.floor(ms / second) + 1) * second;
const hourly = (ms: number) => (Math.floor(ms / 3_600_000) + 1) * 3_600_000;
const hour = (count: number) => count * 3_600_000;
const trigger = (misfire: Misfire = 'once', jitterMs = 0) => ({ misfire, jitterMs });
const plannedTimes = ({ pending }: ScheduleState) => pending.map(({ plannedMs }) => plannedMs);

describe('planning', () => {
  test('takes up each time once, as it comes', () => {
    let state = newState('text', 10_000);
    const taken: number[] = [];
    for (let now = 10_000; now <= 13_400; now += 170) {
      const result = plan(state, trigger(), everySecond, now, () => 0);
      taken.push(...plannedTimes(result.state));
      state = Object.assign(result.state, { pending: [] });
    }
    expect(taken).toEqual([11_000, 12_000, 13_000]);
  });

  test.each([
    ['skip', [], 5],
    ['once', [hour(5)], 4],
    ['all', [hour(1), hour(2), hour(3), hour(4), hour(5)], 0],
  ] as const)('with misfire %s takes up what was missed accordingly', (misfire, kept, skips) => {
    const { state, skipped } = plan(newState('', 0), trigger(misfire), hourly, hour(5.5), () => 0);
    expect(plannedTimes(state)).toEqual(kept);
    expect(skipped).toHaveLength(skips);
    expect(skipped.every((run) => run.skipped === 'misfire')).toBe(true);
  });

  test('takes what is only a little late for on time, whatever the policy', () => {
    const { state } = plan(newState('', 0), trigger('skip'), hourly, hour(1) + onTimeMs, () => 0);
    expect(plannedTimes(state)).toEqual([hour(1)]);
  });

  test('keeps within the start and the end', () => {
    const bounds = { ...trigger('all'), startMs: hour(2), endMs: hour(3) };
    const { state } = plan(newState('', 0), bounds, hourly, hour(9), () => 0);
    expect(plannedTimes(state)).toEqual([hour(2), hour(3)]);
  });

  test('begins later by its jitter, never by more', () => {
    const { state } = plan(newState('', 0), trigger('once', 60_000), hourly, hour(1), () => 0.999);
    expect(state.pending).toEqual([{ plannedMs: hour(1), dueMs: hour(1) + 59_940 }]);
  });

  test('lets no more wait than it says', () => {
    const { state, skipped } = plan(newState('', 0), trigger('all'), everySecond, hour(1), () => 0);
    expect(state.pending).toHaveLength(pendingLimit);
    expect(skipped.length + state.pending.length).toBe(3600);
  });

  test('decides on no time twice and leaves none out, whichever way the clock jumps', () => {
    const jumps = fc.array(fc.integer({ min: -hour(3), max: hour(5) }), { maxLength: 30 });
    fc.assert(
      fc.property(jumps, fc.constantFrom(...misfires), (steps, misfire) => {
        let now = hour(1000);
        let highest = now;
        let state = newState('', now);
        const decided: number[] = [];
        for (const step of steps) {
          now += step;
          highest = Math.max(highest, now);
          const result = plan(state, trigger(misfire), hourly, now, () => 0);
          decided.push(
            ...result.skipped.map((run) => run.plannedMs),
            ...plannedTimes(result.state),
          );
          state = Object.assign(result.state, { pending: [] });
        }
        const expected: number[] = [];
        for (let time = hour(1001); time <= highest; time += hour(1)) expected.push(time);
        expect(decided.toSorted((a, b) => a - b)).toEqual(expected);
      }),
    );
  });

  test('begins anew from the moment of resuming', () => {
    const waiting = plan(newState('', 0), trigger('all'), hourly, hour(2), () => 0).state;
    const paused = pauseOrResume(waiting, true, hour(2));
    expect(paused.skipped.map(({ skipped }) => skipped)).toEqual(['paused', 'paused']);
    const resumed = pauseOrResume(paused.state, false, hour(10)).state;
    const { state } = plan(resumed, trigger('all'), hourly, hour(11), () => 0);
    expect(plannedTimes(state)).toEqual([hour(11)]);
  });
});

describe('a run that is due', () => {
  const run = { plannedMs: 0, dueMs: 10 };
  test.each([
    ['allow', 'run'],
    ['skip', 'skip'],
    ['queue', 'wait'],
    ['replace', 'replace'],
  ] as const)('with overlap %s, while the last one runs: %s', (overlap, decision) => {
    expect(decide(run, overlap, true, 10)).toBe(decision);
    expect(decide(run, overlap, false, 10)).toBe('run');
    expect(decide(run, overlap, false, 9)).toBe('wait');
  });
});
