import { Command } from 'commander';
import { formatBytes } from '../../lib/units.ts';
import type { CommandContext, JsonOption } from '../context.ts';
import { table } from '../output.ts';

interface SandboxList {
  readonly sandboxes: readonly {
    readonly id: string;
    readonly node: string;
    readonly functionName?: string;
    readonly state: string;
    readonly start: string;
    readonly createdAt: string;
    readonly invocations: number;
    readonly limits: { readonly memoryBytes: number; readonly pids: number };
    readonly stats: {
      readonly cpuUsec: number;
      readonly memoryBytes: number;
      readonly memoryPeakBytes: number;
      readonly pids: number;
    };
  }[];
  readonly silentNodes: readonly string[];
}

export function sandboxCommand(context: CommandContext): Command {
  return new Command('sandbox')
    .description('what runs now, on every node')
    .addCommand(listCommand(context))
    .addCommand(inspectCommand(context));
}

function listCommand({ client, output }: CommandContext): Command {
  return new Command('ls')
    .description('list the sandboxes with what they use; a stem has no function yet')
    .option('--json', 'print the result as JSON')
    .action(async ({ json }: JsonOption) => {
      const list = await client.json<SandboxList>('/v1/sandboxes');
      if (json) return output.json(list);
      output.out(describe(list, Date.now()));
      for (const node of list.silentNodes) output.note(`node ${node} did not answer`);
    });
}

function inspectCommand({ client, output }: CommandContext): Command {
  return new Command('inspect')
    .description('show all about a sandbox, as JSON')
    .argument('<id>', 'or the beginning of it')
    .option('--json', 'the same: the result is JSON anyway')
    .action(async (id: string) => {
      output.json(await client.json(`/v1/sandboxes/${encodeURIComponent(id)}`));
    });
}

/** So much of an id tells one sandbox from the others of a cluster. */
const idLength = 12;

function describe({ sandboxes }: SandboxList, nowMs: number): string {
  const header = [
    'id',
    'function',
    'state',
    'start',
    'age',
    'calls',
    'memory',
    'peak',
    'cpu',
    'pids',
    'node',
  ];
  const rows = sandboxes.map(({ id, functionName, limits, stats, ...sandbox }) => [
    id.slice(0, idLength),
    functionName ?? '-',
    sandbox.state,
    sandbox.start,
    seconds(nowMs - Date.parse(sandbox.createdAt)),
    String(sandbox.invocations),
    `${formatBytes(stats.memoryBytes)} of ${formatBytes(limits.memoryBytes)}`,
    formatBytes(stats.memoryPeakBytes),
    seconds(stats.cpuUsec / 1000, 2),
    `${stats.pids} of ${limits.pids}`,
    sandbox.node,
  ]);
  return table(header, rows);
}

const seconds = (ms: number, digits = 0): string => `${(ms / 1000).toFixed(digits)} s`;
