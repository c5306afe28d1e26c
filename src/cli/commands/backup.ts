import { createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { Command } from 'commander';
import type { RestoreReport } from '../../domain/backup.ts';
import type { CommandContext, JsonOption } from '../context.ts';
import { counted } from '../counted.ts';

export function backupCommand(context: CommandContext): Command {
  const { client, output } = context;
  return new Command('backup')
    .description('write all that is defined to a file: functions, images, secrets, keys, schedules')
    .argument('<file>')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      '\nSecrets and keys stay sealed: keep the file master.key of the data folder apart from the backup.\n' +
        'Not in it: what is in volumes ("hearth volume export"), invocations, logs, and images that were\n' +
        'pushed to the host and that no version was made of.',
    )
    .action(async (file: string, { json }: JsonOption) => {
      const partial = `${file}.partial`;
      try {
        const { body } = await client.request('/v1/backup');
        const target = createWriteStream(partial, { mode: 0o600, flush: true });
        await pipeline(counted(body!, 'backed up', context), target);
        await rename(partial, file);
      } finally {
        await rm(partial, { force: true });
      }
      if (json) output.json({ file });
      else output.out(`Backed up to ${file}`);
    });
}

export function restoreCommand(context: CommandContext): Command {
  const { client, output } = context;
  return new Command('restore')
    .description('make an empty host the one that was backed up')
    .argument('<file>')
    .option('--json', 'print the result as JSON')
    .action(async (file: string, { json }: JsonOption) => {
      await using archive = await open(file);
      const body = Readable.from(counted(archive.createReadStream(), 'sent', context));
      const report = await client.json<RestoreReport>('/v1/restore', {
        method: 'POST',
        headers: { 'content-type': 'application/x-tar' },
        body: Readable.toWeb(body) as ReadableStream<Uint8Array>,
        duplex: 'half',
      });
      if (json) return output.json(report);
      const { functions, versions, secrets, keys, networks, missingVolumes } = report;
      output.out(
        `Restored ${functions} functions (${versions} versions), ${secrets} secrets, ${keys} keys, ${networks} networks`,
      );
      for (const volume of missingVolumes) {
        output.note(`A function mounts the volume ${volume}: "hearth volume create ${volume}"`);
      }
    });
}
