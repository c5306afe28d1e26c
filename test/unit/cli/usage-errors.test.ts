import type { Command } from 'commander';
import { afterEach, expect, test, vi } from 'vitest';
import { runCli, type CliOptions } from '../../../src/cli/index.ts';
import { program } from '../../../src/cli/program.ts';
import { loadHostConfig } from '../../../src/config/host-config.ts';

const options = { config: loadHostConfig({}), host: {}, environment: {} } as CliOptions;

/** The names by which a command and those below it are called. */
function pathsOf(command: Command, path: readonly string[] = []): readonly (readonly string[])[] {
  const below = command.commands.flatMap((part) => pathsOf(part, [...path, part.name()]));
  return [path, ...below];
}

afterEach(() => void vi.restoreAllMocks());

test.each(pathsOf(program({ ...options, client: {}, output: {} } as never)))(
  'hearth %s ends with 2 when it is used wrongly',
  async (...path) => {
    const told = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    expect(await runCli([...path, '--no-such-option'], options)).toBe(2);
    expect(told.mock.calls.join('')).toMatch(/^error: (unknown|required) option/);
  },
);
