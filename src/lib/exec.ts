import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { HostError } from '../domain/errors.ts';

/** The only environment a child gets unless told otherwise: nothing of the host's leaks. */
export const minimalEnv: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
};

export interface ExecOptions {
  readonly signal?: AbortSignal;
  /** After it the child is killed and the call fails. */
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly input?: string | Uint8Array;
  /** Of stdout and stderr each; a child that prints more is killed and the call fails. */
  readonly outputLimitBytes?: number;
}

export interface ExecResult {
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program to its end. No shell. @throws HostError `internal` with the program's own last
 * words when it cannot be started, exits other than 0, is over its time or its output.
 */
export async function exec(
  program: string,
  args: readonly string[],
  options: ExecOptions = {},
): Promise<ExecResult> {
  const { timeoutMs = 30_000, outputLimitBytes = 4 * 1024 * 1024 } = options;
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  const child = spawnProcess(program, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: options.env,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const kill = () => child.kill('SIGKILL');
  signal.addEventListener('abort', kill, { once: true });
  const stdout = collect(child, child.stdout, outputLimitBytes);
  const stderr = collect(child, child.stderr, outputLimitBytes);
  child.stdin?.on('error', () => {}); // a child that does not read its input says so by its exit
  child.stdin?.end(options.input);
  try {
    const status = await exitOf(child);
    if (status === 0) return { stdout: stdout(), stderr: stderr() };
    const reason = timeout.aborted ? `took more than ${timeoutMs} ms` : `ended with ${status}`;
    throw new HostError(
      'internal',
      'exec.failed',
      `${program} ${args[0] ?? ''} ${reason}: ${lastWords(stderr() || stdout())}`,
      { details: { program, args } },
    );
  } finally {
    signal.removeEventListener('abort', kill);
  }
}

export interface SpawnOptions {
  readonly stdio: StdioOptions;
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly cwd?: string;
  /** Out of this terminal's process group, so that Ctrl-C reaches only the one who decides. */
  readonly detached?: boolean;
}

/** The one place that spawns. The child's `error` event still fires where nobody waits for it. */
export function spawnProcess(
  program: string,
  args: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  return spawn(program, args, {
    stdio: options.stdio,
    env: { ...(options.env ?? minimalEnv) },
    cwd: options.cwd,
    detached: options.detached ?? false,
  });
}

/** Resolves to the exit code, or the name of the signal. Rejects if it could not be started. */
export function exitOf(child: ChildProcess): Promise<number | NodeJS.Signals> {
  return new Promise((resolve, reject) => {
    child.once('error', (cause) =>
      reject(
        new HostError('internal', 'exec.not_started', `${child.spawnfile} could not be started.`, {
          cause,
        }),
      ),
    );
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'SIGKILL'));
  });
}

function collect(
  child: ChildProcess,
  stream: ChildProcess['stdout'],
  limitBytes: number,
): () => string {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream?.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > limitBytes) child.kill('SIGKILL');
    else chunks.push(chunk);
  });
  return () => Buffer.concat(chunks).toString();
}

function lastWords(text: string): string {
  return text.trim().split('\n').slice(-3).join(' | ').slice(-500) || 'it printed nothing';
}
