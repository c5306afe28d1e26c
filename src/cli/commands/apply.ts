import { Command } from 'commander';
import { HostError } from '../../domain/errors.ts';
import { describeChange, planApply, type Change } from '../apply/apply-plan.ts';
import { applyChanges, observe } from '../apply/stack-changes.ts';
import { readStackFolder } from '../apply/stack-folder.ts';
import type { CommandContext, JsonOption } from '../context.ts';
import { packFolder, type Packed } from '../deploy-folder.ts';
import { ExitWith, exitCodes } from '../exit-codes.ts';

interface ApplyOptions extends JsonOption {
  readonly file: string;
  readonly dryRun?: true;
  readonly prune?: true;
}

export function applyCommand(context: CommandContext): Command {
  const { client, output } = context;
  return new Command('apply')
    .description('make the host have what a folder says: functions, volumes, networks')
    .requiredOption('-f, --file <folder>', 'a folder with a stack.json and folders of functions')
    .option('--dry-run', 'show what would change, and change nothing; exit code 3 if it would')
    .option('--prune', 'remove what an earlier apply has made and the folder does not have')
    .option('--json', 'print the changes as JSON')
    .addHelpText(
      'after',
      '\nWhat was made before is known by the "name" in stack.json. Volumes are never removed; keys,\n' +
        "and secrets' values, are not in a folder.",
    )
    .action(async ({ file, dryRun, prune, json }: ApplyOptions) => {
      const { config, functionDirs } = await readStackFolder(file);
      const packages = await packAll(context, functionDirs);
      const { volumes: volumeSizes = {}, networks = {}, name } = config;
      await requireSecrets(context, config.secrets ?? []);
      const observed = await observe(client, name);
      const desired = {
        functions: new Map([...packages].map(([one, { digest }]) => [one, digest])),
        volumes: new Set(Object.keys(volumeSizes)),
        networks: new Map(Object.entries(networks)),
      };
      const all = planApply(desired, observed);
      const isWanted = ({ verb }: Change) => prune === true || verb !== 'remove';
      const changes = all.filter(isWanted);
      if (json) output.json({ changes, kept: all.filter((change) => !isWanted(change)) });
      else show(context, all, isWanted);
      if (dryRun && changes.length > 0) throw new ExitWith(exitCodes.differs);
      if (dryRun || changes.length === 0) return;
      const stack = { name, desired, observed, packages, volumeSizes };
      await applyChanges(client, stack, changes, (change) =>
        output.note(`done  ${describeChange(change)}`),
      );
    });
}

function show(
  { output }: CommandContext,
  all: readonly Change[],
  isWanted: (change: Change) => boolean,
): void {
  for (const change of all) {
    output.out(`${describeChange(change)}${isWanted(change) ? '' : '  (kept without --prune)'}`);
  }
  if (!all.some(isWanted)) output.out('Nothing to change.');
}

/** @throws HostError `invalid` where two folders are one function. */
async function packAll(
  context: CommandContext,
  dirs: readonly string[],
): Promise<ReadonlyMap<string, Packed>> {
  const packages = new Map<string, Packed>();
  for (const dir of dirs) {
    const packed = await packFolder(context, dir);
    const other = packages.get(packed.name);
    if (other) throw twice(packed.name, [other.dir, dir]);
    packages.set(packed.name, packed);
  }
  return packages;
}

/** Values are in no folder: what is missing is told before anything is changed. */
async function requireSecrets(
  { client }: CommandContext,
  wanted: readonly string[],
): Promise<void> {
  if (wanted.length === 0) return;
  const { secrets } = await client.json<{ secrets: readonly { name: string }[] }>('/v1/secrets');
  const missing = wanted.filter((name) => !secrets.some((secret) => secret.name === name));
  if (missing.length === 0) return;
  throw new HostError(
    'invalid',
    'cli.missing_secrets',
    `Nothing was changed: ${missing.map((name) => `set "${name}" with "hearth secret set ${name}"`).join('; ')}.`,
  );
}

const twice = (name: string, dirs: readonly string[]): HostError =>
  new HostError(
    'invalid',
    'cli.function_twice',
    `Two folders have the function "${name}": ${dirs.join(' and ')}. Rename or remove one.`,
  );
