import { createReadStream, createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { Command } from 'commander';
import type { CopyProgress } from '../../domain/volume.ts';
import { formatBytes } from '../../lib/units.ts';
import type { CommandContext, JsonOption } from '../context.ts';
import { counted } from '../counted.ts';
import { jsonBody } from '../json-body.ts';
import { jsonLines } from '../json-lines.ts';
import { table } from '../output.ts';
import { adderTo, tellerOn } from '../subcommands.ts';

interface VolumeView {
  readonly name: string;
  readonly driver: string;
  readonly sizeBytes: number | null;
  readonly createdAt: string;
}

/** A line of the answer to what copies a volume. */
interface CopyLine {
  readonly progress?: CopyProgress;
}

interface CreateOptions extends JsonOption {
  readonly size?: string;
  readonly driver: string;
  readonly noexec?: boolean;
}

const pathOf = (name: string): string => `/v1/volumes/${encodeURIComponent(name)}`;

export function volumeCommand(context: CommandContext): Command {
  const { client, output } = context;
  const root = new Command('volume').description('keep data that outlives containers');
  const add = adderTo(root);
  const tell = tellerOn(output);
  /** Waits for what copies a whole volume, and says every second how far that is. */
  const copying = async (path: string, body: object, what: string) => {
    const init = jsonBody(body, 'POST', { accept: 'application/x-ndjson' });
    let so = '';
    const timer = setInterval(() => output.note(`${what}${so}`), 1000);
    try {
      for await (const { progress } of jsonLines<CopyLine>(await client.request(path, init))) {
        if (!progress) continue;
        so = `: ${formatBytes(progress.doneBytes)} of ${formatBytes(progress.totalBytes)}`;
      }
    } finally {
      clearInterval(timer);
    }
  };

  add('create', 'make a volume')
    .argument('<name>')
    .option('--size <size>', 'such as 1Gi; for the driver "local"')
    .option('--driver <driver>', 'local, or dir: a folder of the operator', 'local')
    .option('--noexec', 'nothing in it can be executed')
    .action(async (name: string, options: CreateOptions) => {
      const { size, driver, noexec = false } = options;
      const body = { name, driver, noexec, ...(size === undefined ? {} : { size }) };
      const created = await client.json<object>('/v1/volumes', jsonBody(body));
      tell(options, `Created ${name}`, created);
    });

  add('ls', 'list the volumes').action(async ({ json }: JsonOption) => {
    const list = await client.json<{ readonly volumes: readonly VolumeView[] }>('/v1/volumes');
    if (json) return output.json(list);
    const rows = list.volumes.map(({ name, driver, sizeBytes, createdAt }) => [
      name,
      driver,
      sizeBytes === null ? '-' : formatBytes(sizeBytes),
      createdAt.slice(0, 19).replace('T', ' '),
    ]);
    output.out(table(['name', 'driver', 'size', 'created (UTC)'], rows));
  });

  add('inspect', 'show all about a volume, as JSON')
    .argument('<name>')
    .action(async (name: string) => output.json(await client.json(pathOf(name))));

  add('rm', 'remove a volume, its data and its snapshots')
    .argument('<name>')
    .option('--force', 'also while functions use it')
    .action(async (name: string, options: JsonOption & { readonly force?: boolean }) => {
      const query = options.force ? '?force=true' : '';
      await client.request(`${pathOf(name)}${query}`, { method: 'DELETE' });
      tell(options, `Removed ${name}`, { removed: name });
    });

  add('snapshot', 'keep what is in a volume now; it stays in use')
    .argument('<name>')
    .argument('[snapshot]', 'a name for it; the time by default')
    .option('--rm', 'remove that snapshot instead')
    .action(
      async (name: string, given: string | undefined, options: JsonOption & { rm?: boolean }) => {
        const snapshot = given ?? new Date().toISOString().slice(0, 19).replaceAll(/\D/g, '');
        if (options.rm) {
          const path = `${pathOf(name)}/snapshots/${encodeURIComponent(snapshot)}`;
          await client.request(path, { method: 'DELETE' });
          return tell(options, `Removed snapshot ${snapshot} of ${name}`, { removed: snapshot });
        }
        await copying(`${pathOf(name)}/snapshots`, { name: snapshot }, `keeping ${name}`);
        tell(options, `Kept ${name} as snapshot ${snapshot}`, { volume: name, snapshot });
      },
    );

  add('restore', 'make a volume what a snapshot is')
    .argument('<name>')
    .argument('<snapshot>')
    .action(async (name: string, snapshot: string, options: JsonOption) => {
      await copying(`${pathOf(name)}/restore`, { snapshot }, `restoring ${name}`);
      tell(options, `Restored ${name} from ${snapshot}`, { volume: name, snapshot });
    });

  add('export', 'write a tar of all in a volume')
    .argument('<name>')
    .argument('[file]', 'stdout by default')
    .action(async (name: string, file: string | undefined, options: JsonOption) => {
      const { body } = await client.request(`${pathOf(name)}/archive`);
      const target = file === undefined ? process.stdout : createWriteStream(file);
      await pipeline(counted(body!, `exported from ${name}`, context), target);
      if (file !== undefined) tell(options, `Exported ${name} to ${file}`, { volume: name, file });
    });

  add('import', 'replace all in a volume by what a tar has')
    .argument('<name>')
    .argument('[file]', 'stdin by default')
    .action(async (name: string, file: string | undefined, options: JsonOption) => {
      const source = file === undefined ? process.stdin : createReadStream(file);
      const body = Readable.from(counted(source, `sent to ${name}`, context));
      await client.request(`${pathOf(name)}/archive`, {
        method: 'PUT',
        headers: { 'content-type': 'application/x-tar' },
        body: Readable.toWeb(body) as ReadableStream<Uint8Array>,
        duplex: 'half',
      });
      tell(options, `Imported into ${name}`, { volume: name });
    });

  return root;
}
