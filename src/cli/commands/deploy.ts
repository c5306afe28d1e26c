import { Command } from 'commander';
import { formatBytes, formatMs } from '../../lib/units.ts';
import type { CommandContext, JsonOption } from '../context.ts';
import { deployFolder, type Deployment } from '../deploy-folder.ts';

interface DeployOptions extends JsonOption {
  readonly stage?: true;
}

export function deployCommand(context: CommandContext): Command {
  return new Command('deploy')
    .description('pack a folder with a hearth.json and make it the live version')
    .argument('<folder>')
    .option('--stage', 'let what serves go on serving: "hearth traffic" sends it calls')
    .option('--json', 'print the result as JSON')
    .action(async (folder: string, { stage, json }: DeployOptions) => {
      const started = performance.now();
      const deployment = await deployFolder(context, folder, { isStaged: stage === true });
      const { output } = context;
      if (json) output.json(deployment);
      else output.out(describe(deployment, performance.now() - started));
    });
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
