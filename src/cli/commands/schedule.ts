import { Command } from 'commander';
import type { CommandContext, JsonOption } from '../context.ts';
import { table } from '../output.ts';
import { adderTo } from '../subcommands.ts';

interface ScheduleList {
  readonly schedules: readonly {
    readonly function: string;
    readonly name: string;
    readonly schedule: string;
    readonly timeZone: string;
    readonly isPaused: boolean;
    readonly next: string | null;
  }[];
}

interface History {
  readonly runs: readonly {
    readonly planned: string;
    readonly invocationId?: string;
    readonly skipped?: string;
    readonly state?: string;
  }[];
}

const shortTime = (iso: string): string => iso.slice(0, 19).replace('T', ' ');

const pathOf = (functionName: string, schedule: string, what: string): string =>
  `/v1/schedules/${encodeURIComponent(functionName)}/${encodeURIComponent(schedule)}/${what}`;

export function scheduleCommand({ client, output }: CommandContext): Command {
  const root = new Command('schedule').description('see and steer what runs on a schedule');
  const add = adderTo(root);
  const one = (name: string, description: string) =>
    add(name, description).argument('<function>').argument('<schedule>', 'its name: cron-1 …');

  add('ls', 'list the schedules of all functions').action(async ({ json }: JsonOption) => {
    const list = await client.json<ScheduleList>('/v1/schedules');
    if (json) return output.json(list);
    const rows = list.schedules.map((entry) => [
      entry.function,
      entry.name,
      entry.schedule,
      entry.timeZone,
      entry.isPaused ? 'paused' : entry.next === null ? 'never' : shortTime(entry.next),
    ]);
    output.out(table(['function', 'schedule', 'cron', 'zone', 'next (UTC)'], rows));
  });

  for (const [name, done, description] of [
    ['pause', 'Paused', 'plan nothing until it is resumed'],
    ['resume', 'Resumed', 'plan again, from now on'],
  ] as const) {
    one(name, description).action(
      async (functionName: string, schedule: string, { json }: JsonOption) => {
        await client.request(pathOf(functionName, schedule, name), { method: 'POST' });
        if (json) return output.json({ function: functionName, schedule, done: name });
        output.out(`${done} ${schedule} of ${functionName}`);
      },
    );
  }

  one('next', 'show the next times')
    .option('--count <count>', 'how many', '10')
    .action(
      async (
        functionName: string,
        schedule: string,
        { count, json }: JsonOption & { readonly count: string },
      ) => {
        const query = `next?count=${encodeURIComponent(count)}`;
        const { next } = await client.json<{ next: string[] }>(
          pathOf(functionName, schedule, query),
        );
        if (json) return output.json({ next });
        output.out(next.join('\n'));
      },
    );

  one('history', 'show the last runs and what became of them').action(
    async (functionName: string, schedule: string, { json }: JsonOption) => {
      const history = await client.json<History>(pathOf(functionName, schedule, 'history'));
      if (json) return output.json(history);
      const rows = history.runs.map(({ planned, invocationId = '-', skipped, state = '-' }) => [
        shortTime(planned),
        skipped === undefined ? state : `skipped: ${skipped}`,
        invocationId,
      ]);
      output.out(table(['planned (UTC)', 'state', 'invocation'], rows));
    },
  );

  one('trigger', 'run it now, beside its plan').action(
    async (functionName: string, schedule: string, { json }: JsonOption) => {
      const started = await client.json<{ invocationId: string }>(
        pathOf(functionName, schedule, 'trigger'),
        { method: 'POST' },
      );
      if (json) return output.json(started);
      output.out(started.invocationId);
    },
  );

  return root;
}
