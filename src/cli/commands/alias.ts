import { Command } from 'commander';
import type { CommandContext, JsonOption } from '../context.ts';
import { jsonBody } from '../json-body.ts';
import { printVersions, versionsPath, type Versions } from '../versions.ts';

export function aliasCommand(context: CommandContext): Command {
  const alias = new Command('alias').description('name versions of a function');
  for (const command of [setCommand, removeCommand]) alias.addCommand(command(context));
  return alias;
}

const aliasPath = (name: string, alias: string): string =>
  versionsPath(name, `aliases/${encodeURIComponent(alias)}`);

function setCommand({ client, output }: CommandContext): Command {
  return new Command('set')
    .description('give a version a name, to call it by /fn/NAME@ALIAS with a key')
    .argument('<name>')
    .argument('<alias>')
    .argument('<version>', 'a number, another alias, live or latest')
    .option('--json', 'print the result as JSON')
    .action(async (name: string, alias: string, version: string, { json }: JsonOption) => {
      const changed = client.json<Versions>(aliasPath(name, alias), jsonBody({ version }, 'PUT'));
      printVersions(output, await changed, json);
    });
}

function removeCommand({ client, output }: CommandContext): Command {
  return new Command('rm')
    .description('remove the name; the version stays')
    .argument('<name>')
    .argument('<alias>')
    .option('--json', 'print the result as JSON')
    .action(async (name: string, alias: string, { json }: JsonOption) => {
      const changed = client.json<Versions>(aliasPath(name, alias), { method: 'DELETE' });
      printVersions(output, await changed, json);
    });
}
