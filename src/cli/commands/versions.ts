import { Command } from 'commander';
import type { CommandContext, JsonOption } from '../context.ts';
import { printVersions, versionsPath, type Versions } from '../versions.ts';

export function versionsCommand({ client, output }: CommandContext): Command {
  return new Command('versions')
    .description('list the versions of a function and what part of the traffic each has')
    .argument('<name>')
    .option('--json', 'print the result as JSON')
    .action(async (name: string, { json }: JsonOption) => {
      printVersions(output, await client.json<Versions>(versionsPath(name, 'versions')), json);
    });
}
