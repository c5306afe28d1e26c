import type { HostConfig } from '../config/host-config.ts';
import type { ApiClient } from './api-client.ts';
import type { HostCommands } from './host-commands.ts';
import type { Output } from './output.ts';

/** What every command has at hand. */
export interface CommandContext {
  readonly client: ApiClient;
  readonly output: Output;
  readonly host: HostCommands;
  readonly config: HostConfig;
  /** The caller's own, for tools that are run for them. */
  readonly environment: NodeJS.ProcessEnv;
}

/** `--json` stands with every command that prints a result. */
export interface JsonOption {
  readonly json?: boolean;
}
