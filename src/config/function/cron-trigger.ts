import { Type, type Static } from 'typebox';
import { isName } from '../../domain/ids.ts';
import { misfires, overlaps, type CronTrigger } from '../../domain/schedule.ts';
import { parseDuration } from '../../lib/units.ts';
import type { Problems } from './problems.ts';
import { strict } from './strict.ts';

export const cronTriggersSchema = Type.Array(
  Type.Object(
    {
      schedule: Type.String({
        maxLength: 200,
        description: '5 fields of cron, 6 with seconds first, or @daily and the like.',
      }),
      name: Type.Optional(
        Type.String({ description: 'What it is called; cron-1, cron-2 … by default.' }),
      ),
      timeZone: Type.Optional(
        Type.String({ default: 'UTC', description: 'IANA time zone, such as Europe/Berlin.' }),
      ),
      overlap: Type.Optional(Type.Enum([...overlaps], { default: 'skip' })),
      misfire: Type.Optional(Type.Enum([...misfires], { default: 'once' })),
      jitter: Type.Optional(Type.String({ default: '0s' })),
      start: Type.Optional(Type.String({ description: 'ISO 8601; no run before.' })),
      end: Type.Optional(Type.String({ description: 'ISO 8601; no run after.' })),
    },
    strict,
  ),
  { maxItems: 20, default: [], description: 'Schedules on which the function is invoked.' },
);

/** Whether a schedule is one is said by whoever can read it; here is the rest. */
export function readCronTriggers(
  config: Static<typeof cronTriggersSchema>,
  problems: Problems,
): readonly CronTrigger[] {
  const triggers = config.map((entry, index): CronTrigger => {
    const where = `triggers.cron.${index}`;
    const { schedule, name = `cron-${index + 1}`, timeZone = 'UTC', jitter = '0s' } = entry;
    const { overlap = 'skip', misfire = 'once', start, end } = entry;
    if (!isName(name)) problems.add(`${where}.name: "${name}" is not a name`);
    const startMs = readTime(`${where}.start`, start, problems);
    const endMs = readTime(`${where}.end`, end, problems);
    if (startMs !== undefined && endMs !== undefined && endMs < startMs) {
      problems.add(`${where}.end: is before its start`);
    }
    return {
      name,
      schedule: schedule.trim(),
      timeZone,
      overlap,
      misfire,
      jitterMs: problems.quantity(`${where}.jitter`, jitter, parseDuration, ['0s', '24h']),
      ...(startMs === undefined ? {} : { startMs }),
      ...(endMs === undefined ? {} : { endMs }),
    };
  });
  if (new Set(triggers.map(({ name }) => name)).size < triggers.length) {
    problems.add('triggers.cron: two have the same name');
  }
  return triggers;
}

function readTime(key: string, text: string | undefined, problems: Problems): number | undefined {
  if (text === undefined) return undefined;
  const time = Date.parse(text);
  if (Number.isNaN(time)) problems.add(`${key}: "${text}" is not a time, such as 2030-01-31`);
  return time;
}
