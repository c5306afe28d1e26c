import type { ChildProcess } from 'node:child_process';
import { HostError } from '../domain/errors.ts';
import type { Logger } from '../domain/logger.ts';
import type { Service } from '../domain/service.ts';
import { Backoff } from '../lib/backoff.ts';
import { exitOf, minimalEnv, spawnProcess } from '../lib/exec.ts';

export interface ProcessOptions {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** All it can ever have of root's powers, by the names of capabilities(7) in lower case. Absent: all. */
  readonly capabilities?: readonly string[];
  /** Asked for at every start. */
  readonly env?: () => Readonly<Record<string, string>>;
  /** Resolves when the process serves. Its rejection ends a start. */
  readonly whenReady: (child: ChildProcess, signal: AbortSignal) => Promise<void>;
  readonly logger: Logger;
}

const readyLimitMs = 30_000;

/** Between being told to hurry and being killed. */
const hurryLimitMs = 3000;

/**
 * A child process that is kept alive: started, waited for, started again when it dies (after a
 * pause that doubles), asked to end by SIGTERM, past the grace told to hurry by SIGINT, and in the
 * end killed. It stands in a session of its own, so that Ctrl-C reaches only us, and gets SIGTERM
 * from the kernel if we die.
 */
export class SupervisedProcess implements Service {
  readonly name: string;
  readonly #options: ProcessOptions;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #stopping = false;
  #restart: NodeJS.Timeout | undefined;
  readonly #backoff = new Backoff({ firstMs: 100, lastMs: 5000 });

  constructor(options: ProcessOptions) {
    this.name = options.name;
    this.#options = options;
  }

  async start(signal: AbortSignal): Promise<void> {
    const { program, args, env, capabilities } = this.#options;
    const confined = capabilities ? confinement(capabilities) : [];
    const setpriv = ['--pdeathsig', 'TERM', ...confined, '--', program, ...args];
    const child = spawnProcess('setpriv', setpriv, {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: env?.() ?? minimalEnv,
      detached: true,
    });
    this.#child = child;
    const ended = exitOf(child);
    this.#exited = ended.then(
      () => {},
      () => {},
    );
    const died = ended.then((status) => {
      throw new HostError(
        'unavailable',
        'supervisor.not_started',
        `${this.name} ended with ${status} before it was ready. Its last words are above.`,
      );
    });
    const limit = AbortSignal.any([signal, AbortSignal.timeout(readyLimitMs)]);
    await Promise.race([this.#options.whenReady(child, limit), died]);
    died.catch(() => this.#died()); // from now on a death is not a failed start
    this.#backoff.reset();
  }

  async stop(grace: AbortSignal): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restart);
    const child = this.#child;
    if (!child) return;
    let killer: NodeJS.Timeout | undefined;
    const hurry = () => {
      child.kill('SIGINT'); // another signal than the first: two of a kind could become one
      killer = setTimeout(() => child.kill('SIGKILL'), hurryLimitMs);
    };
    child.kill('SIGTERM');
    if (grace.aborted) hurry();
    else grace.addEventListener('abort', hurry, { once: true });
    await this.#exited;
    clearTimeout(killer);
    grace.removeEventListener('abort', hurry);
  }

  #died(): void {
    if (this.#stopping) return;
    this.#options.logger.error({ process: this.name }, `${this.name} died; it is started again`);
    this.#restart = setTimeout(() => {
      this.start(new AbortController().signal).catch((error: unknown) => {
        this.#options.logger.error({ process: this.name, error }, `${this.name} did not start`);
        this.#died();
      });
    }, this.#backoff.next());
  }
}

const confinement = (capabilities: readonly string[]): readonly string[] => [
  '--no-new-privs',
  '--inh-caps=-all',
  `--bounding-set=${['-all', ...capabilities.map((name) => `+${name}`)].join(',')}`,
];
