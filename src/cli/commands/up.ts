import { readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { Command } from 'commander';
import { formatMs } from '../../lib/units.ts';
import { ApiClient } from '../api-client.ts';
import type { CommandContext } from '../context.ts';
import { deployFolder } from '../deploy-folder.ts';
import { firstCalls } from '../first-calls.ts';
import type { RunningHost } from '../host-commands.ts';

interface UpOptions {
  readonly deploy?: string;
}

export function upCommand(context: CommandContext): Command {
  return new Command('up')
    .description('run everything on this machine, in the foreground')
    .option('--deploy <folder>', 'deploy every function in this folder')
    .action(async ({ deploy }: UpOptions) => {
      const { output, host, config } = context;
      const step = async (name: string, run: () => Promise<void>) => {
        const started = performance.now();
        await run();
        output.out(stepLine(name, performance.now() - started));
      };
      const running = await host.up(step);
      try {
        if (deploy !== undefined) await deployAll(context, running, deploy, step);
        output.out('');
        output.out(`${output.strong('address')}  ${running.url}`);
        output.out(`${output.strong('key')}      ${join(config.dataDir, 'root.key')}`);
        output.out('Ctrl-C stops it.');
        await aborted(running.stopRequested);
      } finally {
        await running.stop();
      }
    });
}

async function deployAll(
  context: CommandContext,
  running: RunningHost,
  folder: string,
  step: (name: string, run: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const { config, output, environment } = context;
  const { key, dataDir } = config;
  const client = new ApiClient({ url: running.url, key, dataDir });
  const dirs = await functionFolders(resolve(folder));
  for (const dir of dirs) {
    if (running.stopRequested.aborted) return;
    await step(`deploy ${basename(dir)}`, async () => {
      await deployFolder({ client, environment }, dir);
    });
  }
  const calls = await firstCalls(running.url, dirs);
  if (calls) output.out(`\n${calls}`);
}

async function functionFolders(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(folder, name))
    .toSorted();
}

function stepLine(name: string, tookMs: number): string {
  return `✓ ${name.padEnd(28)} ${formatMs(tookMs)}`;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
