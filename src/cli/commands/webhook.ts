import { Command, InvalidArgumentError } from 'commander';
import type { CommandContext, JsonOption } from '../context.ts';
import { jsonBody } from '../json-body.ts';
import { table } from '../output.ts';
import { adderTo, tellerOn } from '../subcommands.ts';

interface WebhookView {
  readonly name: string;
  readonly url: string;
  readonly types: readonly string[];
  readonly match: Readonly<Record<string, readonly unknown[]>>;
}

type Match = Readonly<Record<string, readonly string[]>>;

interface NewWebhook extends JsonOption {
  readonly type: readonly string[];
  readonly match?: Match;
  readonly secret?: string;
}

export function webhookCommand({ client, output }: CommandContext): Command {
  const root = new Command('webhook').description('tell others of events, by posting them');
  const add = adderTo(root);
  const tell = tellerOn(output);

  add('create', 'post events to a URL from now on')
    .argument('<name>')
    .argument('<url>')
    .requiredOption(
      '--type <type...>',
      'events of this type, such as function.deployed or sandbox.*',
    )
    .option('--match <key=value...>', 'whose data has this; * is any text', matched)
    .option('--secret <name>', 'sign with this secret, which is for "webhook.<name>"')
    .action(async (name: string, url: string, options: NewWebhook) => {
      const { type: types, match, secret } = options;
      const body = { name, url, types, match, secret };
      const made = await client.json<WebhookView>('/v1/webhooks', jsonBody(body));
      tell(options, `Events go to ${url}; what waits: hearth queue ls`, made);
    });

  add('ls', 'list the webhooks').action(async ({ json }: JsonOption) => {
    const list = await client.json<{ readonly webhooks: readonly WebhookView[] }>('/v1/webhooks');
    if (json) return output.json(list);
    const rows = list.webhooks.map(({ name, url, types, match }) => [
      name,
      url,
      types.join(' '),
      Object.entries(match)
        .map(([key, values]) => `${key}=${values.join('|')}`)
        .join(' ') || '-',
    ]);
    output.out(table(['name', 'url', 'types', 'match'], rows));
  });

  add('rm', 'tell no more of events')
    .argument('<name>')
    .action(async (name: string, options: JsonOption) => {
      await client.request(`/v1/webhooks/${encodeURIComponent(name)}`, { method: 'DELETE' });
      tell(options, `Removed ${name}`, { removed: name });
    });

  return root;
}

/** Several values of one key: it has one of them. */
function matched(text: string, before: Match = {}): Match {
  const [key = '', ...rest] = text.split('=');
  if (key === '' || rest.length === 0) {
    throw new InvalidArgumentError('Write it like functionName=shop-*.');
  }
  return { ...before, [key]: [...(before[key] ?? []), rest.join('=')] };
}
