import { Command } from 'commander';
import { formatBytes, formatMs } from '../../lib/units.ts';
import type { CommandContext, JsonOption } from '../context.ts';
import { deployFolder, type Deployment } from '../deploy-folder.ts';

export function deployCommand(context: CommandContext): Command {
  return new Command('deploy')
    .description('pack a folder with a hearth.json and make it the live version')
    .argument('<folder>')
    .option('--json', 'print the result as JSON')
    .action(async (folder: string, { json }: JsonOption) => {
      const started = performance.now();
      const deployment = await deployFolder(context, folder);
      const { output } = context;
      if (json) output.json(deployment);
      else output.out(describe(deployment, performance.now() - started));
    });
}

function describe(deployment: Deployment, tookMs: number): string {
  const { name, version, changed, url, packageBytes } = deployment;
  const what = changed ? 'Deployed' : 'Unchanged:';
  const digest = version.digest.slice(0, 'sha256:'.length + 12);
  const size = changed ? `  ${formatBytes(packageBytes)} in ${formatMs(tookMs)}` : '';
  const where = url === null ? '' : `\n${url}`;
  return `${what} ${name}  version ${version.number}  ${digest}${size}${where}`;
}
