import { Command, InvalidArgumentError } from 'commander';
import type { Scope } from '../../domain/principal.ts';
import { parseDuration } from '../../lib/units.ts';
import type { CommandContext, JsonOption } from '../context.ts';
import { jsonBody } from '../json-body.ts';
import { table } from '../output.ts';
import { parseScope, scopeText } from '../scope-text.ts';

interface KeyView {
  readonly id: string;
  readonly scopes: readonly Scope[];
  readonly rate?: string;
  readonly concurrency?: number;
  readonly createdAt: string;
  readonly expiresAt?: string;
}

type NewKeyView = KeyView & { readonly secret: string };

export function keyCommand(context: CommandContext): Command {
  const key = new Command('key').description('make, list, change and remove keys');
  for (const command of [createCommand, listCommand, limitCommand, rotateCommand, removeCommand]) {
    key.addCommand(command(context));
  }
  return key;
}

interface LimitOptions extends JsonOption {
  readonly rate?: string;
  readonly concurrency?: number;
}

interface CreateOptions extends LimitOptions {
  readonly allow: readonly Scope[];
  readonly expires?: number;
}

function createCommand({ client, output }: CommandContext): Command {
  return withLimits(new Command('create'))
    .description('make a key and show its secret, once')
    .argument('<id>')
    .requiredOption(
      '--allow <right>',
      'invoke, read, deploy, registry:pull, registry:push or admin; for some names only: invoke:shop-*. May be repeated',
      (text: string, earlier: readonly Scope[] | undefined) => [
        ...(earlier ?? []),
        parseScope(text),
      ],
    )
    .option('--expires <duration>', 'when it stops to open anything, such as 30d', duration)
    .option('--json', 'print the result as JSON')
    .action(async (id: string, { allow, expires, rate, concurrency, json }: CreateOptions) => {
      const expiresAt =
        expires === undefined ? {} : { expiresAt: new Date(Date.now() + expires).toISOString() };
      const made = await client.json<NewKeyView>(
        '/v1/keys',
        jsonBody({ id, scopes: allow, rate, concurrency, ...expiresAt }),
      );
      if (json) output.json(made);
      else showSecret(output, made);
    });
}

function listCommand({ client, output }: CommandContext): Command {
  return new Command('ls')
    .description('list the keys and what they allow')
    .option('--json', 'print the result as JSON')
    .action(async ({ json }: JsonOption) => {
      const list = await client.json<{ keys: readonly KeyView[] }>('/v1/keys');
      if (json) return output.json(list);
      const rows = list.keys.map(({ id, scopes, createdAt, expiresAt, ...limits }) => [
        id,
        scopes.map(scopeText).join(' '),
        limitsText(limits),
        createdAt.slice(0, 10),
        expiresAt?.slice(0, 16).replace('T', ' ') ?? 'never',
      ]);
      output.out(table(['id', 'allows', 'limits', 'made', 'expires (UTC)'], rows));
    });
}

function limitCommand({ client, output }: CommandContext): Command {
  return withLimits(new Command('limit'))
    .description('give a key other limits; those that are not named it loses')
    .argument('<id>')
    .option('--json', 'print the result as JSON')
    .action(async (id: string, { rate, concurrency, json }: LimitOptions) => {
      const path = `/v1/keys/${encodeURIComponent(id)}/limits`;
      const key = await client.json<KeyView>(path, jsonBody({ rate, concurrency }, 'PUT'));
      if (json) output.json(key);
      else output.out(`${key.id}: ${limitsText(key)}`);
    });
}

interface RotateOptions extends JsonOption {
  readonly overlap: number;
}

function rotateCommand({ client, output }: CommandContext): Command {
  return new Command('rotate')
    .description('give a key a new secret and show it, once')
    .argument('<id>')
    .option('--overlap <duration>', 'how long the old secret still opens, such as 1h', duration, 0)
    .option('--json', 'print the result as JSON')
    .action(async (id: string, { overlap, json }: RotateOptions) => {
      const path = `/v1/keys/${encodeURIComponent(id)}/rotations`;
      const made = await client.json<NewKeyView>(path, jsonBody({ overlapMs: overlap }));
      if (json) output.json(made);
      else showSecret(output, made);
    });
}

function removeCommand({ client, output }: CommandContext): Command {
  return new Command('rm')
    .description('remove a key; it opens nothing from then on')
    .argument('<id>')
    .option('--json', 'print the result as JSON')
    .action(async (id: string, { json }: JsonOption) => {
      await client.request(`/v1/keys/${encodeURIComponent(id)}`, { method: 'DELETE' });
      if (json) output.json({ removed: id });
      else output.out(`Removed ${id}`);
    });
}

const withLimits = (command: Command): Command =>
  command
    .option('--rate <rate>', 'requests a second, minute or hour, such as 100/s; else 429')
    .option('--concurrency <number>', 'requests under way at once; else 429', Number);

function limitsText({ rate, concurrency }: Pick<KeyView, 'rate' | 'concurrency'>): string {
  const limits = [rate ?? [], concurrency === undefined ? [] : `${concurrency} at once`].flat();
  return limits.join(', ') || 'none';
}

/** The key alone on stdout, so that it can be piped to where it is kept. */
function showSecret(output: CommandContext['output'], { id, secret }: NewKeyView): void {
  output.note('Keep it now: the secret is not shown again.');
  output.out(`${id}:${secret}`);
}

function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  throw new InvalidArgumentError('Write a duration such as 90s, 12h or 30d.');
}
