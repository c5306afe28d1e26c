import { Command } from 'commander';
import { HostError } from '../../domain/errors.ts';
import type { CommandContext, JsonOption } from '../context.ts';

/** As the API shows the record of an asynchronous invocation. */
interface Invocation {
  readonly invocationId: string;
  readonly function: string;
  readonly source: string;
  readonly state: 'queued' | 'running' | 'done' | 'dead_letter' | 'cancelled';
  readonly acceptedAt: string;
  readonly dueAt?: string;
  readonly endedAt?: string;
  readonly attempts: readonly {
    readonly number: number;
    readonly node: string;
    readonly startedAt: string;
    readonly endedAt?: string;
    readonly outcome?: string;
    readonly start?: string;
  }[];
  readonly failure?: { readonly reason: string; readonly message: string };
  readonly result?: { readonly status: number; readonly bytes: number; readonly body?: unknown };
}

const longestWaitS = 60;

export function invocationCommand(context: CommandContext): Command {
  const command = new Command('invocation').description('what became of asynchronous invocations');
  for (const part of [getCommand, waitCommand, cancelCommand, replayCommand]) {
    command.addCommand(part(context));
  }
  return command;
}

function getCommand({ client, output }: CommandContext): Command {
  return new Command('get')
    .description('show one, with its attempts and its result')
    .argument('<id>')
    .option('--json', 'print the result as JSON')
    .action(async (id: string, { json }: JsonOption) => {
      const invocation = await client.json<Invocation>(pathOf(id));
      if (json) output.json(invocation);
      else output.out(described(invocation));
    });
}

function waitCommand({ client, output }: CommandContext): Command {
  return new Command('wait')
    .description('wait for its end and print its answer; fails when it did not end well')
    .argument('<id>')
    .option('--json', 'print the whole record as JSON')
    .action(async (id: string, { json }: JsonOption) => {
      for (;;) {
        const invocation = await client.json<Invocation>(`${pathOf(id)}?wait=${longestWaitS}s`);
        if (invocation.state === 'queued' || invocation.state === 'running') continue;
        if (json) output.json(invocation);
        if (invocation.state !== 'done') throw notDone(invocation);
        if (json) return;
        const answer = await client.request(`${pathOf(id)}/result`);
        output.raw(new Uint8Array(await answer.arrayBuffer()));
        if (process.stdout.isTTY) output.out('');
        return;
      }
    });
}

function cancelCommand({ client, output }: CommandContext): Command {
  return new Command('cancel')
    .description('cancel one that waits or runs')
    .argument('<id>')
    .action(async (id: string) => {
      const { state } = await client.json<Invocation>(pathOf(id), { method: 'DELETE' });
      output.note(state === 'cancelled' ? 'cancelled' : 'is being cancelled');
    });
}

function replayCommand({ client, output }: CommandContext): Command {
  return new Command('replay')
    .description('invoke the function once more with the same event; prints the new id')
    .argument('<id>')
    .action(async (id: string) => {
      const path = `${pathOf(id)}/replay`;
      const { invocationId } = await client.json<Invocation>(path, { method: 'POST' });
      output.out(invocationId);
    });
}

const pathOf = (id: string): string => `/v1/invocations/${encodeURIComponent(id)}`;

function described(invocation: Invocation): string {
  const { invocationId, attempts, failure, result, state } = invocation;
  const due = invocation.dueAt === undefined ? '' : `, due ${invocation.dueAt}`;
  const lines = [
    `${invocationId}  ${invocation.function}  ${state}${due}`,
    `accepted ${invocation.acceptedAt} (${invocation.source})`,
    ...attempts.map(({ number, node, startedAt, outcome = 'running', start = '' }) =>
      `attempt ${number}  ${startedAt}  ${node}  ${outcome}  ${start}`.trimEnd(),
    ),
    ...(invocation.endedAt === undefined ? [] : [`ended ${invocation.endedAt}`]),
    ...(failure ? [`failure ${failure.reason}: ${failure.message}`] : []),
    ...(result ? [`result ${result.status}, ${result.bytes} bytes`] : []),
  ];
  return lines.join('\n');
}

function notDone({ state, failure }: Invocation): HostError {
  const why = failure ? `: ${failure.message} (${failure.reason})` : '';
  return new HostError('conflict', 'cli.not_done', `It ended as ${state.replace('_', ' ')}${why}.`);
}
