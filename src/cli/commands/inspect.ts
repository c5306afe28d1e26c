import { Command } from 'commander';
import type { CommandContext } from '../context.ts';

export function inspectCommand({ client, output }: CommandContext): Command {
  return new Command('inspect')
    .description('show all about a function, as JSON')
    .argument('<name>')
    .option('--json', 'the same: the result is JSON anyway')
    .action(async (name: string) => {
      output.json(await client.json(`/v1/functions/${encodeURIComponent(name)}`));
    });
}
