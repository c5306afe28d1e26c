import { setTimeout as delay } from 'node:timers/promises';
import { Command, InvalidArgumentError } from 'commander';
import { formatBytes, parseDuration } from '../../lib/units.ts';
import type { CommandContext, JsonOption } from '../context.ts';
import { table } from '../output.ts';
import { adderTo, tellerOn } from '../subcommands.ts';

interface NodeView {
  readonly id: string;
  readonly hostname: string;
  readonly state: string;
  readonly memoryBytes?: number;
  readonly cpus?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly load?: { readonly invocations: number; readonly functions: readonly string[] };
}

/** Longer than a heartbeat: what a node says of itself is newer than its cordon then. */
const settleMs = 2_500;
const lookIntervalMs = 500;

const pathOf = (node: string): string => `/v1/nodes/${encodeURIComponent(node)}`;

export function nodeCommand({ client, output }: CommandContext): Command {
  const root = new Command('node').description('the machines that run functions');
  const add = adderTo(root);
  const tell = tellerOn(output);
  const named = (name: string, description: string) =>
    add(name, description).argument('<node>', 'its id or its hostname');
  const cordon = (node: string, method: 'PUT' | 'DELETE') =>
    client.json<NodeView>(`${pathOf(node)}/cordon`, { method });

  add('ls', 'list the nodes with what they have and do').action(async ({ json }: JsonOption) => {
    const list = await client.json<{ readonly nodes: readonly NodeView[] }>('/v1/nodes');
    if (json) return output.json(list);
    const header = ['id', 'hostname', 'state', 'invocations', 'functions', 'cpus', 'memory'];
    output.out(table([...header, 'labels'], list.nodes.map(rowOf)));
  });

  named('cordon', 'give a node no new work').action(async (node: string, options: JsonOption) => {
    const view = await cordon(node, 'PUT');
    tell(options, `${view.id} gets no new work`, view);
  });

  named('uncordon', 'give a node work again').action(async (node: string, options: JsonOption) => {
    const view = await cordon(node, 'DELETE');
    tell(options, `${view.id} gets work again`, view);
  });

  named('drain', 'cordon a node and wait until nothing runs there')
    .option('--timeout <duration>', 'how long to wait', duration, 15 * 60_000)
    .action(async (node: string, options: JsonOption & { readonly timeout: number }) => {
      const untilMs = Date.now() + options.timeout;
      await cordon(node, 'PUT');
      await delay(settleMs);
      for (let told = -1; ;) {
        const view = await client.json<NodeView>(pathOf(node));
        const left = view.load?.invocations ?? 0;
        if (left === 0) return tell(options, `${view.id} is drained`, view);
        if (Date.now() >= untilMs) throw new Error(`${left} invocations still run on ${view.id}.`);
        if (left !== told) output.note(`${left} invocations still run`);
        told = left;
        await delay(lookIntervalMs);
      }
    });

  named('rm', 'forget a node that is away for good').action(
    async (node: string, options: JsonOption) => {
      await client.request(pathOf(node), { method: 'DELETE' });
      tell(options, `Forgot ${node}`, { removed: node });
    },
  );

  return root;
}

function rowOf({ id, hostname, state, load, cpus, memoryBytes, labels = {} }: NodeView): string[] {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  return [
    id,
    hostname,
    state,
    load ? String(load.invocations) : '-',
    load ? String(load.functions.length) : '-',
    cpus === undefined ? '-' : String(cpus),
    memoryBytes === undefined ? '-' : formatBytes(memoryBytes),
    pairs.join(' ') || '-',
  ];
}

function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError('must be like 30s or 5m');
  return ms;
}
