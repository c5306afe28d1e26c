import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const startLimitMs = 60_000;

/** One process of a host of several: `hearth gateway` or `hearth worker`. */
export interface StartedProcess extends AsyncDisposable {
  /** What it said after `ready`: a gateway its address. */
  readonly announcement: string;
  readonly pid: number;
  /** As a power cut would end it. */
  kill(): Promise<void>;
}

/** The program and its arguments, to be run in the network namespace where one is given; its pid is the program's. */
export function commandIn(
  namespace: string | undefined,
  command: readonly [string, ...string[]],
): readonly [string, ...string[]] {
  return namespace === undefined ? command : ['nsenter', `--net=${namespace}`, '--', ...command];
}

export async function startProcess(
  role: 'gateway' | 'worker',
  environment: Readonly<Record<string, string>>,
  /** A network namespace for it. */
  namespace?: string,
): Promise<StartedProcess> {
  const [program, ...args] = commandIn(namespace, [process.execPath, 'src/main.ts', role]);
  const child = spawn(program, args, {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const exited = once(child, 'exit');
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    await exited;
  };
  const kill = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  const ready = new Promise<string>((resolve, reject) => {
    const read = (bytes: Buffer) => {
      output += bytes.toString();
      const said = /^ready (.*)$/m.exec(output)?.[1];
      if (said !== undefined) resolve(said);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('exit', () =>
      reject(new Error(`the ${role} ended before it was ready:\n${output}`)),
    );
    AbortSignal.timeout(startLimitMs).addEventListener('abort', () =>
      reject(new Error(`the ${role} was not ready in time:\n${output}`)),
    );
  });
  try {
    return { announcement: await ready, kill, pid: child.pid ?? 0, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
