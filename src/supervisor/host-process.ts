import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Logger } from '../domain/logger.ts';
import type { Service } from '../domain/service.ts';
import { SupervisedProcess } from './supervised-process.ts';

export interface HostProcessOptions {
  readonly role: 'gateway' | 'worker';
  /** The program's main module. */
  readonly main: string;
  /** Asked for at every start, with what the process announced at an earlier one. */
  readonly env: (announcement: string) => Readonly<Record<string, string>>;
  readonly logger: Logger;
}

/** A gateway or a worker as a process of its own; it says `ready <what>` on its first line. */
export class HostProcess implements Service {
  readonly name: string;
  readonly #process: SupervisedProcess;
  #announcement = '';

  constructor({ role, main, env, logger }: HostProcessOptions) {
    this.name = role;
    this.#process = new SupervisedProcess({
      name: role,
      program: process.execPath,
      args: [main, role],
      env: () => env(this.#announcement),
      whenReady: async (child, signal) => {
        this.#announcement = await readyLine(child, signal);
      },
      logger,
    });
  }

  /** What it said after `ready`: the gateway's URL. */
  get announcement(): string {
    return this.#announcement;
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#process.start(signal);
  }

  stop(grace: AbortSignal): Promise<void> {
    return this.#process.stop(grace);
  }
}

async function readyLine(child: ChildProcess, signal: AbortSignal): Promise<string> {
  if (!child.stdout) throw new TypeError('the process was spawned without a pipe for its stdout');
  const lines = createInterface({ input: child.stdout });
  for (;;) {
    const [line] = (await once(lines, 'line', { signal })) as [string];
    if (line.startsWith('ready ')) return line.slice('ready '.length);
  }
}
