import { Command } from 'commander';
import type { CommandContext, JsonOption } from '../context.ts';

export function rmCommand({ client, output }: CommandContext): Command {
  return new Command('rm')
    .description('remove a function, its versions and its logs')
    .argument('<name>')
    .option('--json', 'print the result as JSON')
    .action(async (name: string, { json }: JsonOption) => {
      await client.request(`/v1/functions/${encodeURIComponent(name)}`, { method: 'DELETE' });
      if (json) output.json({ removed: name });
      else output.out(`Removed ${name}`);
    });
}
