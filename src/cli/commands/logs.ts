import { Command, InvalidArgumentError } from 'commander';
import { parseDuration } from '../../lib/units.ts';
import type { CommandContext, JsonOption } from '../context.ts';

interface LogsOptions extends JsonOption {
  readonly follow?: true;
  readonly invocation?: string;
  readonly since?: number;
  readonly limit: number;
}

interface LogLine {
  readonly timeMs: number;
  readonly stream: 'stdout' | 'stderr';
  /** Of a line that is JSON. */
  readonly level?: string;
  readonly text: string;
  readonly invocationId?: string;
}

export function logsCommand({ client, output }: CommandContext): Command {
  return new Command('logs')
    .description('print what a function wrote')
    .argument('<name>')
    .option('--invocation <id>', 'only of this invocation')
    .option('--since <duration>', 'only of the last so long, such as 10m', duration)
    .option('--limit <lines>', 'the newest so many lines', wholeNumber, 100)
    .option('-f, --follow', 'go on with what it writes, until Ctrl-C')
    .option('--json', 'print the result as JSON; with --follow a line each')
    .action(async (name: string, { invocation, since, limit, follow, json }: LogsOptions) => {
      const query = new URLSearchParams({ limit: String(limit) });
      if (invocation !== undefined) query.set('invocation', invocation);
      if (since !== undefined) query.set('since', String(Date.now() - since));
      const path = `/v1/functions/${encodeURIComponent(name)}/logs?${query.toString()}`;
      if (follow) {
        for await (const { data } of client.events(`${path}&follow=true`)) {
          output.out(json ? data : printed(JSON.parse(data) as LogLine));
        }
        return;
      }
      const lines = await client.json<{ readonly entries: readonly LogLine[] }>(path);
      if (json) return output.json(lines);
      for (const line of lines.entries) output.out(printed(line));
    });
}

function printed({ timeMs, level, text, invocationId = '' }: LogLine): string {
  const words = level === undefined ? text : `${level.padEnd(5)}  ${text}`;
  return `${new Date(timeMs).toISOString()}  ${invocationId.slice(0, 8).padEnd(8)}  ${words}`;
}

function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError('Use an amount such as 30s, 10m or 6h.');
  return ms;
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('Use a whole number from 1.');
  return Number(text);
}
