import { Command } from 'commander';
import type { CommandContext, JsonOption } from '../context.ts';
import { jsonBody } from '../json-body.ts';
import { printVersions, versionsPath, type Versions } from '../versions.ts';

export function rollbackCommand({ client, output }: CommandContext): Command {
  return new Command('rollback')
    .description('make the version live that was so before, or another, at once')
    .argument('<name>')
    .argument('[version]', 'a number or an alias')
    .option('--json', 'print the result as JSON')
    .action(async (name: string, version: string | undefined, { json }: JsonOption) => {
      const changed =
        version === undefined
          ? await client.json<Versions>(versionsPath(name, 'rollback'), { method: 'POST' })
          : await client.json<Versions>(
              versionsPath(name, 'traffic'),
              jsonBody({ live: version }, 'PUT'),
            );
      printVersions(output, changed, json);
    });
}
