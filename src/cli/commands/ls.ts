import { Command } from 'commander';
import type { CommandContext, JsonOption } from '../context.ts';
import { table } from '../output.ts';

interface FunctionList {
  readonly functions: readonly {
    readonly name: string;
    readonly runtime: string;
    readonly live: { readonly number: number; readonly digest: string; readonly createdAt: string };
    readonly url: string | null;
  }[];
}

export function lsCommand({ client, output }: CommandContext): Command {
  return new Command('ls')
    .description('list the functions')
    .option('--json', 'print the result as JSON')
    .action(async ({ json }: JsonOption) => {
      const list = await client.json<FunctionList>('/v1/functions');
      if (json) return output.json(list);
      const rows = list.functions.map(({ name, runtime, live, url }) => [
        name,
        runtime,
        String(live.number),
        live.createdAt.slice(0, 19).replace('T', ' '),
        url ?? '-',
      ]);
      output.out(table(['name', 'runtime', 'version', 'deployed (UTC)', 'url'], rows));
    });
}
