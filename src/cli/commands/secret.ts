import { text } from 'node:stream/consumers';
import { Command } from 'commander';
import { HostError } from '../../domain/errors.ts';
import type { CommandContext, JsonOption } from '../context.ts';
import { jsonBody } from '../json-body.ts';
import { table } from '../output.ts';

interface SecretView {
  readonly name: string;
  readonly functions: readonly string[];
  readonly changedAt: string;
}

export function secretCommand(context: CommandContext): Command {
  const secret = new Command('secret').description('set, list and remove secrets of functions');
  for (const command of [setCommand, listCommand, removeCommand, rotateCommand]) {
    secret.addCommand(command(context));
  }
  return secret;
}

interface SetOptions extends JsonOption {
  readonly for: readonly string[];
}

function setCommand({ client, output }: CommandContext): Command {
  return new Command('set')
    .description('set a secret to what comes on standard input, without its last line break')
    .argument('<name>', 'also that of the environment variable')
    .option('--for <functions...>', 'who may have it; * is any text', ['*'])
    .option('--json', 'print the result as JSON')
    .action(async (name: string, { for: functions, json }: SetOptions) => {
      if (process.stdin.isTTY)
        output.note('Write the value, then Ctrl-D. It is shown as you type.');
      const value = (await text(process.stdin)).replace(/\r?\n$/, '');
      if (value === '') throw emptyValue();
      const view = await client.json<SecretView>(
        pathOf(name),
        jsonBody({ value, functions }, 'PUT'),
      );
      if (json) output.json(view);
      else output.out(`Set ${name}`);
    });
}

function listCommand({ client, output }: CommandContext): Command {
  return new Command('ls')
    .description('list the secrets, without their values')
    .option('--json', 'print the result as JSON')
    .action(async ({ json }: JsonOption) => {
      const list = await client.json<{ secrets: readonly SecretView[] }>('/v1/secrets');
      if (json) return output.json(list);
      const rows = list.secrets.map(({ name, functions, changedAt }) => [
        name,
        functions.join(' '),
        changedAt.slice(0, 19).replace('T', ' '),
      ]);
      output.out(table(['name', 'for', 'changed (UTC)'], rows));
    });
}

function removeCommand({ client, output }: CommandContext): Command {
  return new Command('rm')
    .description('remove a secret that no function uses')
    .argument('<name>')
    .option('--json', 'print the result as JSON')
    .action(async (name: string, { json }: JsonOption) => {
      await client.request(pathOf(name), { method: 'DELETE' });
      if (json) output.json({ removed: name });
      else output.out(`Removed ${name}`);
    });
}

function rotateCommand({ client, output }: CommandContext): Command {
  return new Command('rotate-master-key')
    .description('make a new master key and encrypt all secrets and keys with it')
    .option('--json', 'print the result as JSON')
    .action(async ({ json }: JsonOption) => {
      const path = '/v1/master-key/rotations';
      const result = await client.json<{ resealed: number }>(path, { method: 'POST' });
      if (json) output.json(result);
      else output.out(`Encrypted ${result.resealed} records anew`);
    });
}

const pathOf = (name: string): string => `/v1/secrets/${encodeURIComponent(name)}`;

const emptyValue = (): HostError =>
  new HostError(
    'invalid',
    'cli.empty_secret',
    'Nothing came on standard input. Pipe the value in: printf %s "$VALUE" | hearth secret set NAME.',
  );
