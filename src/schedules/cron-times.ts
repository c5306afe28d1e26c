import { CronExpressionParser, type CronExpression } from 'cron-parser';
import { offsetsOf, type OffsetAt } from './time-zone.ts';

const dayMs = 86_400_000;

/** Longer than any change of the clocks, on either side of it. */
const nearMs = 3 * 3_600_000;

/** No schedule pauses for longer: February 29 that is a certain day of the week. */
const horizonMs = 41 * 366 * dayMs;

/** The parser would take it for a time that it chooses by itself. */
const hashed = /(^|,)H($|[(/,])/i;

/** The times of one schedule. */
export interface CronTimes {
  /** The first after an instant; undefined: there is none any more. Both epoch milliseconds. */
  after(instantMs: number): number | undefined;
}

/**
 * The parser only ever sees a clock without changes: which local times fit the schedule. What they
 * are in a zone is decided here:
 *
 * - A schedule for every hour goes by elapsed time: nothing is left out, and in the hour that comes
 *   twice it runs in both.
 * - Any other runs once for each local time: one that is skipped in spring runs as much later as the
 *   clocks were put forward, one that comes twice in autumn runs the first time.
 *
 * @throws RangeError that says what is wrong with the schedule or the zone.
 */
export function cronTimes(schedule: string, timeZone: string): CronTimes {
  const offset = zone(timeZone);
  const expression = parsed(schedule);
  const isHourly = expression.fields.hour.values.length === 24;
  const localAfter = (localMs: number): number | undefined => {
    expression.reset(new Date(localMs));
    const next = expression.next().getTime();
    return next - localMs > horizonMs ? undefined : next;
  };
  return {
    after: isHourly
      ? (instantMs) => nextElapsed(instantMs, offset, localAfter)
      : (instantMs) => nextLocal(instantMs, offset, localAfter),
  };
}

type LocalAfter = (localMs: number) => number | undefined;

/** Goes through stretches of time with one offset. */
function nextElapsed(afterMs: number, offset: OffsetAt, localAfter: LocalAfter) {
  let fromMs = afterMs;
  let here = offset(fromMs);
  for (;;) {
    const local = localAfter(fromMs + here);
    if (local === undefined) return undefined;
    const instant = local - here;
    if (offset(instant) === here) return instant;
    const changeMs = firstChange(fromMs, instant, offset);
    here = offset(changeMs);
    fromMs = changeMs - 1; // the change itself may be such a time
  }
}

/** The first instant at which the offset is not what it was; both ends have different ones. */
function firstChange(fromMs: number, toMs: number, offset: OffsetAt): number {
  const here = offset(fromMs);
  let [before, after] = [fromMs, toMs];
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (offset(middle) === here) before = middle;
    else after = middle;
  }
  return after;
}

/** The earliest instant of any local time; near a change they may not come in order. */
function nextLocal(afterMs: number, offset: OffsetAt, localAfter: LocalAfter) {
  const [earlier, here] = [offset(afterMs - nearMs), offset(afterMs)];
  let local = localAfter(afterMs + Math.min(earlier, here));
  let best: number | undefined;
  while (local !== undefined) {
    const highest = Math.max(earlier, here, offset(local - here), offset(local - here + nearMs));
    if (best !== undefined && local - highest >= best) return best;
    const instant = instantOf(local, offset);
    if (instant > afterMs && instant < (best ?? Infinity)) best = instant;
    local = localAfter(local);
  }
  return best;
}

/** When the clocks first show a local time; for one that they skip, when they would have. */
function instantOf(local: number, offset: OffsetAt): number {
  const before = offset(local - dayMs);
  const after = offset(local + dayMs);
  const early = local - before;
  const late = local - after;
  const isShown = offset(late) === after && offset(early) !== before;
  return isShown ? late : early;
}

function parsed(schedule: string): CronExpression {
  const fields = schedule.trim().split(/\s+/);
  const isNamed = /^@[a-z]+$/.test(schedule.trim());
  if (!isNamed && (fields.length < 5 || fields.length > 6)) {
    throw new RangeError(`"${schedule}" has not 5 fields (or 6, with seconds first)`);
  }
  const odd = fields.find((field) => hashed.test(field));
  if (odd !== undefined) throw new RangeError(`"${odd}" of "${schedule}" is not a field of cron`);
  try {
    const expression = CronExpressionParser.parse(schedule.trim(), { tz: 'UTC' });
    expression.next(); // one that never comes, such as February 30
    return expression;
  } catch (error) {
    throw new RangeError(`"${schedule}" is not a schedule: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function zone(timeZone: string): OffsetAt {
  try {
    return offsetsOf(timeZone);
  } catch (cause) {
    throw new RangeError(`"${timeZone}" is not a time zone, such as Europe/Berlin`, { cause });
  }
}
