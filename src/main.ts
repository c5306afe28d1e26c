import { runCli } from './cli/index.ts';
import { loadHostConfig } from './config/host-config.ts';
import { toHostError } from './domain/errors.ts';
import { hostCommands } from './host/host-commands.ts';

try {
  const config = loadHostConfig(process.env);
  process.exitCode = await runCli(process.argv.slice(2), {
    config,
    host: hostCommands(config),
    environment: process.env,
  });
} catch (error) {
  const { message, cause } = toHostError(error);
  console.error(`error: ${message}`);
  if (cause) console.error(cause);
  process.exitCode = 1;
}
