import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { Command } from 'commander';
import { HostError } from '../../domain/errors.ts';
import type { CommandContext } from '../context.ts';

interface InvokeOptions {
  readonly data?: string;
  readonly verbose?: boolean;
  readonly async?: boolean;
  readonly idempotencyKey?: string;
  readonly delay?: string;
  readonly maxAge?: string;
  readonly priority?: string;
}

export function invokeCommand({ client, output }: CommandContext): Command {
  return new Command('invoke')
    .description('call a function with an event and print its answer')
    .argument('<name>')
    .option('-d, --data <json>', 'the event; @file reads a file, @- standard input')
    .option('--async', 'do not wait: print the id of the invocation once it is queued')
    .option('--delay <time>', 'with --async: run it no sooner, such as 90s or 12h')
    .option('--max-age <time>', 'with --async: give it up when it is so old')
    .option('--priority <number>', 'with --async: 0 (first) to 1000 (last)')
    .option('--idempotency-key <key>', 'run it once, however often it is sent with this key')
    .option('-v, --verbose', 'tell on stderr how it was served')
    .action(async (name: string, options: InvokeOptions) => {
      const { data = '{}', verbose, async } = options;
      const path = `/v1/functions/${encodeURIComponent(name)}/invocations`;
      const body = checkedJson(await eventText(data));
      const response = await client.request(path, {
        method: 'POST',
        headers: headersOf(options),
        body,
      });
      if (async) return output.out(response.headers.get('x-hearth-invocation-id') ?? '');
      output.raw(new Uint8Array(await response.arrayBuffer()));
      if (process.stdout.isTTY) output.out('');
      if (verbose) output.note(howServed(response));
    });
}

function headersOf(options: InvokeOptions): Record<string, string> {
  const { async, idempotencyKey, delay, maxAge, priority } = options;
  const given = {
    prefer: async ? 'respond-async' : undefined,
    'idempotency-key': idempotencyKey,
    'x-hearth-delay': delay,
    'x-hearth-max-age': maxAge,
    'x-hearth-priority': priority,
  };
  const named = Object.entries(given).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return { 'content-type': 'application/json', ...Object.fromEntries(named) };
}

async function eventText(data: string): Promise<string> {
  if (!data.startsWith('@')) return data;
  return data === '@-' ? await text(process.stdin) : await readFile(data.slice(1), 'utf8');
}

/** Found out here, the mistake can be shown where it was made. */
function checkedJson(event: string): string {
  try {
    JSON.parse(event);
    return event;
  } catch (cause) {
    const why = (cause as Error).message;
    throw new HostError('invalid', 'cli.not_json', `The event is not JSON: ${why}.`, { cause });
  }
}

function howServed({ status, headers }: Response): string {
  const id = headers.get('x-hearth-invocation-id');
  const start = headers.get('x-hearth-start');
  return `${status}  ${start}  ${headers.get('server-timing')}  ${id}`;
}
