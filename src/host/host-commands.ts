import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { HostCommands, RunningHost, Step } from '../cli/host-commands.ts';
import type { HostConfig } from '../config/host-config.ts';
import { HostError } from '../domain/errors.ts';
import type { Service } from '../domain/service.ts';
import { lockInstance } from '../lib/instance-lock.ts';
import { createHostLog, type HostLog } from '../telemetry/host-log.ts';

/** How long a gateway or a worker finishes what it has begun, unless told to hurry. */
const drainLimitMs = 30_000;

/** The same for a whole host at Ctrl-C, for all of its processes together. */
const wholeDrainLimitMs = 4000;

/**
 * The commands that run the host, for the command line. Each loads what it runs by itself: the other
 * commands, which are over in a moment, would wait most of their time for it.
 */
export function hostCommands(config: HostConfig): HostCommands {
  const newLog = (): HostLog =>
    createHostLog({
      level: config.logLevel,
      format: process.stderr.isTTY ? 'plain' : 'json',
    });

  return {
    async gateway() {
      const log = newLog();
      await mkdir(config.dataDir, { recursive: true });
      const { createGatewayHost } = await import('./gateway-host.ts');
      const { becomeUser } = await import('./become-user.ts');
      if (config.user !== undefined) await becomeUser(config.user, config.dataDir);
      const gateway = await createGatewayHost(config, log);
      await serve(gateway, () => gateway.address, log);
    },

    async worker({ hasOwnMounts }) {
      if (!hasOwnMounts) return enterOwnMountNamespace();
      const log = newLog();
      await mkdir(config.dataDir, { recursive: true });
      using _lock = await lockInstance('worker', config.dataDir);
      const { createWorkerHost } = await import('./worker-host.ts');
      await serve(await createWorkerHost(config, log), () => 'worker', log);
    },

    up: (step) => startWholeHost(config, newLog(), step),
  };
}

async function startWholeHost(config: HostConfig, log: HostLog, step: Step): Promise<RunningHost> {
  if (config.user !== undefined) throw noUser();
  await mkdir(config.dataDir, { recursive: true });
  const lock = await lockInstance('host', config.dataDir);
  const signals = listenForSignals();
  const { createWholeHost } = await import('./whole-host.ts');
  const host = createWholeHost(config, log);
  const stop = async () => {
    const grace = AbortSignal.any([signals.second, AbortSignal.timeout(wholeDrainLimitMs)]);
    await host.stop(grace);
    await log.flush();
    lock[Symbol.dispose]();
    signals.forget();
  };
  try {
    for (const { name, run } of host.steps) await step(name, () => run(signals.first));
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: host.url, stopRequested: signals.first, stop };
}

const noUser = (): HostError =>
  new HostError(
    'invalid',
    'host.bad_user',
    'HEARTH_USER is for "hearth gateway": with "hearth up" it has the data folder of the worker, which is root.',
  );

/** Starts, says that it is ready, and stops when it is asked to. */
async function serve(service: Service, readyWith: () => string, log: HostLog): Promise<void> {
  const signals = listenForSignals();
  await service.start(signals.first);
  process.stdout.write(`ready ${readyWith()}\n`); // whoever supervises waits for this line
  await aborted(signals.first);
  await service.stop(AbortSignal.any([signals.second, AbortSignal.timeout(drainLimitMs)]));
  await log.flush();
  signals.forget();
}

/** The first SIGINT or SIGTERM asks to stop; the second to hurry. */
function listenForSignals() {
  const first = new AbortController();
  const second = new AbortController();
  const onSignal = () => (first.signal.aborted ? second : first).abort();
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return {
    first: first.signal,
    second: second.signal,
    forget: () => void process.off('SIGINT', onSignal).off('SIGTERM', onSignal),
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/**
 * Starts this program again in a mount namespace of its own, as the same process. It has to be a
 * new program: a namespace belongs to a thread, and Node has several.
 */
function enterOwnMountNamespace(): never {
  const main = fileURLToPath(new URL('../main.ts', import.meta.url));
  const command = [process.execPath, main, 'worker', '--own-mounts'];
  const unshare = '/usr/bin/unshare';
  process.execve?.(unshare, [unshare, '--mount', '--propagation', 'private', '--', ...command]);
  throw new Error('unreachable: execve does not return');
}
