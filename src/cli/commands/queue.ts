import { Command, InvalidArgumentError } from 'commander';
import type { CommandContext, JsonOption } from '../context.ts';
import { jsonBody } from '../json-body.ts';
import { table } from '../output.ts';

interface QueueState {
  readonly name: string;
  readonly state: 'active' | 'paused';
  readonly queued: number;
  readonly running: number;
  readonly deadLetters: number;
}

interface DeadLetters {
  readonly deadLetters: readonly {
    readonly invocationId: string;
    readonly endedAt?: string;
    readonly attemptsSpent: number;
    readonly failure?: { readonly reason: string; readonly message: string };
  }[];
}

interface Selection {
  readonly id?: readonly string[];
  readonly reason?: string;
  readonly limit?: number;
}

export function queueCommand(context: CommandContext): Command {
  const command = new Command('queue').description("functions' queues of asynchronous invocations");
  const parts = [
    lsCommand,
    deadCommand,
    verbCommand('pause', 'begin nothing more; what is sent is still accepted'),
    verbCommand('resume', 'go on'),
    redriveCommand,
    purgeCommand,
  ];
  for (const part of parts) command.addCommand(part(context));
  return command;
}

function lsCommand({ client, output }: CommandContext): Command {
  return new Command('ls')
    .description('list the queues that have something in them')
    .option('--json', 'print the result as JSON')
    .action(async ({ json }: JsonOption) => {
      const list = await client.json<{ readonly queues: readonly QueueState[] }>('/v1/queues');
      if (json) return output.json(list);
      const rows = list.queues.map(({ name, state, queued, running, deadLetters }) => [
        name,
        state,
        String(queued),
        String(running),
        String(deadLetters),
      ]);
      output.out(table(['function', 'state', 'queued', 'running', 'dead letters'], rows));
    });
}

function deadCommand({ client, output }: CommandContext): Command {
  return new Command('dead')
    .description('list the dead letters of a function, the oldest first')
    .argument('<name>')
    .option('--reason <prefix>', 'only those whose reason begins so')
    .option('--limit <count>', 'the oldest so many', wholeNumber, 100)
    .option('--json', 'print the result as JSON')
    .action(async (name: string, { reason, limit, json }: Selection & JsonOption) => {
      const query = new URLSearchParams({ limit: String(limit) });
      if (reason !== undefined) query.set('reason', reason);
      const list = await client.json<DeadLetters>(
        `${pathOf(name)}/dead-letters?${query.toString()}`,
      );
      if (json) return output.json(list);
      const rows = list.deadLetters.map(({ invocationId, endedAt = '', failure }) => [
        invocationId,
        endedAt.slice(0, 19).replace('T', ' '),
        failure?.reason ?? '',
        failure?.message.split('\n', 1)[0] ?? '',
      ]);
      output.out(table(['invocation', 'ended (UTC)', 'reason', 'message'], rows));
    });
}

const verbCommand =
  (verb: 'pause' | 'resume', description: string) =>
  ({ client, output }: CommandContext): Command =>
    new Command(verb)
      .description(description)
      .argument('<name>')
      .action(async (name: string) => {
        const { state } = await client.json<QueueState>(`${pathOf(name)}/${verb}`, {
          method: 'POST',
        });
        output.note(`${name} is ${state}`);
      });

function redriveCommand({ client, output }: CommandContext): Command {
  return new Command('redrive')
    .description('take dead letters up again, with all their attempts before them')
    .argument('<name>')
    .option('--id <id...>', 'only these')
    .option('--reason <prefix>', 'only those whose reason begins so')
    .option('--limit <count>', 'the oldest so many', wholeNumber)
    .action(async (name: string, { id, reason, limit }: Selection) => {
      const body = { ids: id, reason, limit };
      const answer = await client.json<{ redriven: number }>(
        `${pathOf(name)}/redrive`,
        jsonBody(body),
      );
      output.note(`${answer.redriven} dead letters are queued again`);
    });
}

function purgeCommand({ client, output }: CommandContext): Command {
  return new Command('purge')
    .description('cancel all that is queued, or forget dead letters')
    .argument('<name>')
    .option('--dead-letters', 'forget dead letters')
    .option('--id <id...>', 'only these dead letters')
    .option('--reason <prefix>', 'only dead letters whose reason begins so')
    .action(
      async (name: string, { id, reason, deadLetters }: Selection & { deadLetters?: boolean }) => {
        const what = deadLetters ? 'dead-letters' : 'queued';
        const body = { what, ids: id, reason };
        const { purged } = await client.json<{ purged: number }>(
          `${pathOf(name)}/purge`,
          jsonBody(body),
        );
        output.note(deadLetters ? `${purged} dead letters forgotten` : `${purged} cancelled`);
      },
    );
}

const pathOf = (name: string): string => `/v1/queues/${encodeURIComponent(name)}`;

function wholeNumber(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('Use a whole number from 1.');
  return Number(text);
}
