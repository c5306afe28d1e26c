import { Command } from 'commander';
import { HostError } from '../../domain/errors.ts';
import type { CommandContext, JsonOption } from '../context.ts';
import { machineChecks } from '../doctor/machine-checks.ts';
import { runChecks, type Finding } from '../doctor/check.ts';
import { table } from '../output.ts';

export function doctorCommand({ output, config }: CommandContext): Command {
  return new Command('doctor')
    .description('check whether this machine can run Hearth, with a remedy for what it lacks')
    .option('--json', 'print the result as JSON')
    .action(async ({ json }: JsonOption) => {
      const findings = await runChecks(machineChecks(config.dataDir));
      if (json) output.json({ checks: findings });
      else output.out(describe(findings));
      const failed = findings.filter(({ status }) => status === 'fail');
      if (failed.length > 0) {
        throw new HostError(
          'unavailable',
          'cli.doctor_failed',
          `This machine cannot run Hearth yet: ${failed.map(({ name }) => name).join(', ')}.`,
        );
      }
    });
}

function describe(findings: readonly Finding[]): string {
  const rows = findings.map(({ name, status, found, remedy }) => [
    status,
    name,
    found,
    status === 'ok' ? '' : (remedy ?? ''),
  ]);
  return table(['', 'check', 'found', 'remedy'], rows);
}
