import { Command } from 'commander';
import type { CommandContext, JsonOption } from '../context.ts';

interface EventsOptions extends JsonOption {
  readonly type?: string;
  readonly function?: string;
  readonly after?: string;
}

interface CloudEvent {
  readonly id: string;
  readonly type: string;
  readonly time: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export function eventsCommand({ client, output }: CommandContext): Command {
  return new Command('events')
    .description('print what happens in the host as it happens, until Ctrl-C')
    .option('--type <types>', 'only these, such as function.deployed,sandbox.*')
    .option('--function <name>', 'only what concerns this function')
    .option('--after <id>', 'begin with what followed this event, as far as it is kept')
    .option('--json', 'print each as a CloudEvent in JSON, a line each')
    .action(async ({ type, function: name, after, json }: EventsOptions) => {
      const query = new URLSearchParams();
      if (type !== undefined) query.set('type', type);
      if (name !== undefined) query.set('function', name);
      const headers: Record<string, string> = after === undefined ? {} : { 'last-event-id': after };
      for await (const { data } of client.events(`/events?${query.toString()}`, headers)) {
        output.out(json ? data : printed(JSON.parse(data) as CloudEvent));
      }
    });
}

function printed({ type, time, data }: CloudEvent): string {
  const facts = Object.entries(data).map(([name, value]) => `${name}=${plain(value)}`);
  return `${time}  ${type.replace('dev.hearth.', '').padEnd(20)}  ${facts.join(' ')}`;
}

const plain = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value);
