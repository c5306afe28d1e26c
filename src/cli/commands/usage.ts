import { Command } from 'commander';
import type { CommandContext, JsonOption } from '../context.ts';
import { table } from '../output.ts';

interface UsageOptions extends JsonOption {
  readonly from?: string;
  readonly to?: string;
  readonly csv?: true;
}

interface Usage {
  readonly usage: readonly {
    readonly day: string;
    readonly functionName: string;
    readonly invocations: number;
    readonly failures: number;
    readonly gbSeconds: number;
    readonly cpuSeconds: number;
    readonly egressBytes: number;
  }[];
}

export function usageCommand({ client, output }: CommandContext): Command {
  return new Command('usage')
    .description('show what functions used, by day')
    .option('--from <day>', 'such as 2026-01-31; thirty days before the last by default')
    .option('--to <day>', 'today by default; days are in UTC')
    .option('--csv', 'print it for a spreadsheet')
    .option('--json', 'print the result as JSON')
    .action(async ({ from, to, csv, json }: UsageOptions) => {
      const query = new URLSearchParams({ format: csv ? 'csv' : 'json' });
      if (from !== undefined) query.set('from', from);
      if (to !== undefined) query.set('to', to);
      const response = await client.request(`/v1/usage?${query.toString()}`);
      if (csv) return output.raw(await response.bytes());
      const usage = (await response.json()) as Usage;
      if (json) return output.json(usage);
      const rows = usage.usage.map(({ day, functionName, ...used }) => [
        day,
        functionName,
        String(used.invocations),
        String(used.failures),
        used.gbSeconds.toFixed(3),
        used.cpuSeconds.toFixed(3),
        String(used.egressBytes),
      ]);
      const head = [
        'day',
        'function',
        'invocations',
        'failures',
        'gb-seconds',
        'cpu-seconds',
        'sent bytes',
      ];
      output.out(table(head, rows));
    });
}
