import { Command, InvalidArgumentError } from 'commander';
import type { CommandContext, JsonOption } from '../context.ts';
import { jsonBody } from '../json-body.ts';
import { table } from '../output.ts';
import { adderTo, tellerOn } from '../subcommands.ts';

interface EndpointView {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly protocol: string;
}

interface NetworkView {
  readonly name: string;
  readonly endpoints: readonly EndpointView[];
  readonly createdAt: string;
}

interface NamedTarget {
  readonly endpoint: string;
  readonly target: string;
}

const pathOf = (name: string): string => `/v1/networks/${encodeURIComponent(name)}`;

export function networkCommand({ client, output }: CommandContext): Command {
  const root = new Command('network').description('let functions reach private places by name');
  const add = adderTo(root);
  const tell = tellerOn(output);

  add('create', 'make a private network')
    .argument('<name>')
    .action(async (name: string, options: JsonOption) => {
      const made = await client.json<NetworkView>('/v1/networks', jsonBody({ name }));
      tell(options, `Created ${name}`, made);
    });

  add('ls', 'list the private networks').action(async ({ json }: JsonOption) => {
    const list = await client.json<{ readonly networks: readonly NetworkView[] }>('/v1/networks');
    if (json) return output.json(list);
    const rows = list.networks.map(({ name, endpoints, createdAt }) => [
      name,
      endpoints.map((endpoint) => endpoint.name).join(' ') || '-',
      createdAt.slice(0, 19).replace('T', ' '),
    ]);
    output.out(table(['name', 'endpoints', 'created (UTC)'], rows));
  });

  add('inspect', 'show all about a network, as JSON')
    .argument('<name>')
    .action(async (name: string) => output.json(await client.json(pathOf(name))));

  add('attach', 'make a place reachable to the functions on a network')
    .argument('<name>')
    .argument('<endpoint=host:port>', 'such as postgres=10.0.0.5:5432; "/udp" behind it', named)
    .action(async (name: string, { endpoint, target }: NamedTarget, options: JsonOption) => {
      const path = `${pathOf(name)}/endpoints/${encodeURIComponent(endpoint)}`;
      const network = await client.json<NetworkView>(path, jsonBody({ target }, 'PUT'));
      const reachedAs = `${endpoint}.${name}.internal`;
      tell(options, `Functions on ${name} reach ${target} as ${reachedAs}`, network);
    });

  add('detach', 'take an endpoint away again')
    .argument('<name>')
    .argument('<endpoint>')
    .action(async (name: string, endpoint: string, options: JsonOption) => {
      const path = `${pathOf(name)}/endpoints/${encodeURIComponent(endpoint)}`;
      await client.request(path, { method: 'DELETE' });
      tell(options, `Detached ${endpoint} from ${name}`, { detached: endpoint });
    });

  add('rm', 'remove a network')
    .argument('<name>')
    .option('--force', 'also while functions are on it')
    .action(async (name: string, options: JsonOption & { readonly force?: boolean }) => {
      const query = options.force ? '?force=true' : '';
      await client.request(`${pathOf(name)}${query}`, { method: 'DELETE' });
      tell(options, `Removed ${name}`, { removed: name });
    });

  return root;
}

function named(text: string): NamedTarget {
  const [endpoint = '', ...rest] = text.split('=');
  if (rest.length !== 1 || endpoint === '' || rest[0] === '') {
    throw new InvalidArgumentError('Write it like postgres=10.0.0.5:5432.');
  }
  return { endpoint, target: rest[0] ?? '' };
}
