import { Argument, Command } from 'commander';
import { runtimes, type Runtime } from '../../domain/function.ts';
import type { EnsuredImage } from '../../domain/image.ts';
import type { GarbageReport, NodesGarbageReport } from '../../domain/image-garbage.ts';
import { formatBytes } from '../../lib/units.ts';
import type { ApiClient } from '../api-client.ts';
import type { CommandContext, JsonOption } from '../context.ts';
import { followTransfer } from '../image-transfer.ts';
import { jsonBody } from '../json-body.ts';
import { table } from '../output.ts';
import { ProgressLine } from '../progress-line.ts';

interface Image {
  readonly name: string;
  readonly digest: string;
  readonly sizeBytes: number;
  readonly layers: number;
}

const one = (name: string): string => `/v1/images/one?name=${encodeURIComponent(name)}`;

export function imageCommand(context: CommandContext): Command {
  const image = new Command('image').description('images on this host, and their way in and out');
  for (const command of [ls, inspect, buildBase, pull, push, rm, gc])
    image.addCommand(command(context));
  return image;
}

function ls({ client, output }: CommandContext): Command {
  return new Command('ls')
    .description('list the images that have a name')
    .option('--json', 'print the result as JSON')
    .action(async ({ json }: JsonOption) => {
      const list = await client.json<{ readonly images: readonly Image[] }>('/v1/images');
      if (json) return output.json(list);
      const rows = list.images.map(({ name, digest, layers, sizeBytes }) => [
        name,
        digest.slice(0, 'sha256:'.length + 12),
        String(layers),
        formatBytes(sizeBytes),
      ]);
      output.out(table(['name', 'digest', 'layers', 'size'], rows));
    });
}

function inspect({ client, output }: CommandContext): Command {
  return new Command('inspect')
    .description('show what an image is, as JSON')
    .argument('<name>')
    .option('--json', 'the same: the result is JSON anyway')
    .action(async (name: string) => output.json(await client.json(one(name))));
}

function buildBase({ client, output }: CommandContext): Command {
  return new Command('build-base')
    .description("build a runtime's base image anew, if what it is made of has changed")
    .addArgument(new Argument('[runtime]').choices(runtimes).default(runtimes[0]))
    .option('--json', 'print the result as JSON')
    .action(async (runtime: Runtime, { json }: JsonOption) => {
      const built = await buildImage(client, runtime);
      if (json) return output.json(built);
      const what = built.built ? 'Built' : 'Nothing has changed in';
      output.out(`${what} hearth/${runtime}\n  ${built.digest}`);
    });
}

async function buildImage(client: ApiClient, runtime: Runtime): Promise<EnsuredImage> {
  using _line = new ProgressLine(`building hearth/${runtime}`);
  return await client.json('/v1/images/bases', jsonBody({ runtime }));
}

function pull(context: CommandContext): Command {
  return new Command('pull')
    .description('fetch an image from a registry, such as registry.example.com/team/app:1')
    .argument('<name>')
    .option('--json', 'print the result as JSON')
    .action(async (name: string, { json }: JsonOption) => {
      const { output } = context;
      const digest = await followTransfer(context, '/v1/images/pulls', { name });
      if (json) output.json({ name, digest });
      else output.out(`Pulled ${name}\n  ${digest}`);
    });
}

function push(context: CommandContext): Command {
  return new Command('push')
    .description('copy an image of this host, such as functions/hello:1, to a registry')
    .argument('<name>')
    .argument('<target>')
    .option('--json', 'print the result as JSON')
    .action(async (name: string, target: string, { json }: JsonOption) => {
      const { output } = context;
      const digest = await followTransfer(context, '/v1/images/pushes', { name, target });
      if (json) output.json({ name, target, digest });
      else output.out(`Pushed ${name} to ${target}\n  ${digest}`);
    });
}

function rm({ client, output }: CommandContext): Command {
  return new Command('rm')
    .description('forget the name of an image that was pulled or pushed here')
    .argument('<name>')
    .action(async (name: string) => {
      await client.request(one(name), { method: 'DELETE' });
      output.out(`Removed ${name}`);
    });
}

type Garbage = GarbageReport & NodesGarbageReport;

function gc({ client, output }: CommandContext): Command {
  return new Command('gc')
    .description('remove what no version, pushed image or sandbox needs, and pulls long unused')
    .option('--dry-run', 'only tell what would go')
    .option('--json', 'print the result as JSON')
    .action(async ({ dryRun = false, json }: JsonOption & { readonly dryRun?: boolean }) => {
      const garbage = await client.json<Garbage>('/v1/images/collections', jsonBody({ dryRun }));
      if (json) return output.json(garbage);
      const done = dryRun ? 'Would remove' : 'Removed';
      for (const name of garbage.names) output.out(name);
      output.out(`${done} ${counted(garbage)}`);
      for (const node of garbage.nodes) output.out(`${done} ${counted(node)} on ${node.hostname}`);
      for (const node of garbage.silentNodes) output.note(`node ${node} did not collect`);
    });
}

const counted = ({ names, blobs, layers, freedBytes }: GarbageReport): string =>
  `${names.length} names, ${blobs.length} blobs and ${layers.length} unpacked layers, ${formatBytes(freedBytes)} of blobs`;
