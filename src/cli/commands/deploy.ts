import { Command, InvalidArgumentError } from 'commander';
import { formatBytes, formatMs, parseDuration } from '../../lib/units.ts';
import type { CommandContext, JsonOption } from '../context.ts';
import { deployFolder, type Deployment } from '../deploy-folder.ts';
import { jsonBody } from '../json-body.ts';
import { versionsPath } from '../versions.ts';

interface DeployOptions extends JsonOption {
  readonly stage?: true;
  readonly canary?: readonly [number, ...number[]];
  readonly every: number;
  readonly maxErrors?: number;
  readonly maxSlowdown?: number;
}

export function deployCommand(context: CommandContext): Command {
  return new Command('deploy')
    .description('pack a folder with a hearth.json and make it the live version')
    .argument('<folder>')
    .option('--stage', 'let what serves go on serving: "hearth traffic" sends it calls')
    .option(
      '--canary <percents>',
      'send it a growing part of the traffic, such as 5,25,50, and none when it does worse',
      percents,
    )
    .option(
      '--every <duration>',
      'how long each part of a canary holds at least',
      duration,
      300_000,
    )
    .option('--max-errors <percent>', 'so many percent more may fail than of what serves', Number)
    .option('--max-slowdown <factor>', 'the slowest may be so many times slower', Number)
    .option('--json', 'print the result as JSON')
    .action(async (folder: string, options: DeployOptions) => {
      const started = performance.now();
      const isStaged = options.stage === true || options.canary !== undefined;
      const deployment = await deployFolder(context, folder, { isStaged });
      const canary = deployment.isLive ? undefined : options.canary;
      if (canary) await beginCanary(context, deployment, canary, options);
      const { output } = context;
      for (const { hostname, why } of deployment.unreadyNodes) {
        output.note(`warning: ${hostname} is not ready, a first call there may wait: ${why}`);
      }
      if (options.json) return output.json(deployment);
      output.out(describe(deployment, performance.now() - started));
      if (canary) output.out(`Canary at ${canary[0]} %: see "hearth traffic ${deployment.name}"`);
    });
}

async function beginCanary(
  { client }: CommandContext,
  { name, version }: Deployment,
  [percent, ...next]: readonly [number, ...number[]],
  { every, maxErrors, maxSlowdown }: DeployOptions,
): Promise<void> {
  const canary = { next, everyMs: every, maxErrorPercent: maxErrors, maxSlowdown };
  const split = { version: String(version.number), percent, canary };
  await client.request(versionsPath(name, 'traffic'), jsonBody({ live: 'live', split }, 'PUT'));
}

function percents(text: string): readonly number[] {
  const all = text.split(',').map(Number);
  const rises = all.every((percent, index) => percent > (all[index - 1] ?? 0) && percent < 100);
  if (rises) return all;
  throw new InvalidArgumentError('Use rising percents from 1 to 99, such as 5,25,50.');
}

function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms >= 1000) return ms;
  throw new InvalidArgumentError('Use a duration from 1s, such as 2m.');
}

function describe(deployment: Deployment, tookMs: number): string {
  const { name, version, changed, isLive, url, packageBytes } = deployment;
  const done = isLive ? 'Deployed' : 'Staged';
  const what = changed ? done : 'Unchanged:';
  const digest = version.digest.slice(0, 'sha256:'.length + 12);
  const size = changed ? `  ${formatBytes(packageBytes)} in ${formatMs(tookMs)}` : '';
  const where = url === null ? '' : `\n${url}`;
  return `${what} ${name}  version ${version.number}  ${digest}${size}${where}`;
}
