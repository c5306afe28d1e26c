import { Command, InvalidArgumentError } from 'commander';
import type { CommandContext, JsonOption } from '../context.ts';
import { jsonBody } from '../json-body.ts';
import { printVersions, versionsPath, type Versions } from '../versions.ts';

interface TrafficOptions extends JsonOption {
  readonly sticky?: { readonly kind: string; readonly name: string };
}

interface Part {
  readonly version: string;
  readonly percent: number;
}

export function trafficCommand({ client, output }: CommandContext): Command {
  return new Command('traffic')
    .description(
      'send the traffic of a function to one version, or to two, such as 4=90 5=10; or show it',
    )
    .argument('<name>')
    .argument('[version=percent...]', 'numbers, aliases, live or latest', collect)
    .option(
      '--sticky <by>',
      'who sends the same meets the same: header:NAME or cookie:NAME',
      sticky,
    )
    .option('--json', 'print the result as JSON')
    .action(
      async (name: string, parts: readonly Part[], { sticky: stickyBy, json }: TrafficOptions) => {
        if (parts.length === 0) {
          return printVersions(output, await client.json(versionsPath(name, 'versions')), json);
        }
        const [live, split] = parts.toSorted((a, b) => b.percent - a.percent);
        const body = {
          live: live?.version,
          ...(split ? { split: { ...split, ...(stickyBy ? { stickyBy } : {}) } } : {}),
        };
        const changed = await client.json<Versions>(
          versionsPath(name, 'traffic'),
          jsonBody(body, 'PUT'),
        );
        printVersions(output, changed, json);
      },
    );
}

/** The last of one or two parts completes a hundred. */
function collect(text: string, earlier: readonly Part[] = []): readonly Part[] {
  const [, version = '', percent = '100'] = /^([a-z0-9-]+)(?:=(\d{1,3})%?)?$/.exec(text) ?? [];
  if (version === '') throw new InvalidArgumentError('Use a version and its part, such as 5=10.');
  const parts = [...earlier, { version, percent: Number(percent) }];
  if (parts.length > 2) throw new InvalidArgumentError('Traffic goes to two versions at most.');
  return parts;
}

function sticky(text: string): { readonly kind: string; readonly name: string } {
  const [, kind = '', name = ''] = /^(header|cookie):(.+)$/.exec(text) ?? [];
  if (kind === '') throw new InvalidArgumentError('Use header:NAME or cookie:NAME.');
  return { kind, name };
}
