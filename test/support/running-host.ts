import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const startLimitMs = 180_000;

export interface CommandResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A whole Hearth host (`hearth up`) in its own data folder, on a port that the kernel gave. */
export interface RunningHost {
  readonly dataDir: string;
  readonly url: string;
  readonly key: string;
  readonly process: ChildProcess;
  /** All that it printed so far, on stdout and stderr. */
  output(): string;
  /** Runs the `hearth` command against it. */
  hearth(...args: readonly string[]): Promise<CommandResult>;
  /** The same with something on its standard input. */
  hearthWithInput(input: string, ...args: readonly string[]): Promise<CommandResult>;
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** With the administrator's key. */
  fetchWithKey(path: string, init?: RequestInit): Promise<Response>;
  /** Ctrl-C, and waits for the end. Gives the exit code. */
  interrupt(): Promise<number | null>;
  /** Stops it if it still runs, and removes its data. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A folder for one host's data. Sandboxes need not pass through it. */
export function makeDataDir(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'hearth-e2e-'));
}

export async function startHost(
  options: {
    readonly dataDir?: string;
    /** More settings, such as `HEARTH_RUNTIME`. */
    readonly environment?: NodeJS.ProcessEnv;
  } = {},
): Promise<RunningHost> {
  const dataDir = options.dataDir ?? (await makeDataDir());
  const env = {
    ...process.env,
    HEARTH_DATA: dataDir,
    HEARTH_LISTEN: '127.0.0.1:0',
    ...options.environment,
  };
  const child = spawn(process.execPath, ['src/main.ts', 'up'], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: string[] = [];
  child.stdout.on('data', (text: Buffer) => output.push(text.toString()));
  child.stderr.on('data', (text: Buffer) => output.push(text.toString()));
  const exited = once(child, 'exit');
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGINT');
      await exited;
    }
    await rm(dataDir, { recursive: true, force: true });
  };
  try {
    const url = await readyUrl(child, output);
    const key = (await readFile(join(dataDir, 'root.key'), 'utf8')).trim();
    const withKey = (init: RequestInit = {}) => {
      const headers = new Headers(init.headers);
      headers.set('authorization', `Bearer ${key}`);
      return { ...init, headers };
    };
    return {
      dataDir,
      url,
      key,
      process: child,
      output: () => output.join(''),
      hearth: (...args) => runHearth(args, { ...env, HEARTH_URL: url }),
      hearthWithInput: (input, ...args) => runHearth(args, { ...env, HEARTH_URL: url }, input),
      fetch: (path, init) => fetch(`${url}${path}`, init),
      fetchWithKey: (path, init) => fetch(`${url}${path}`, withKey(init)),
      interrupt: async () => {
        child.kill('SIGINT');
        await exited;
        return child.exitCode;
      },
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Waits for the line that says where the host answers. */
async function readyUrl(child: ChildProcess, output: readonly string[]): Promise<string> {
  const limit = AbortSignal.timeout(startLimitMs);
  for (;;) {
    const url = /^\s*address\s+(http:\S+)/m.exec(output.join(''))?.[1];
    if (url) return url;
    const ended = once(child, 'exit').then(() => 'ended');
    const printed = once(child.stdout!, 'data', { signal: limit });
    if ((await Promise.race([printed, ended])) === 'ended') {
      throw new Error(`the host ended before it was ready:\n${output.join('')}`);
    }
  }
}

async function runHearth(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  input = '',
): Promise<CommandResult> {
  const child = spawn(process.execPath, [join(root, 'src/main.ts'), ...args], {
    cwd: root,
    env,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.end(input);
  const texts = { stdout: '', stderr: '' };
  child.stdout.on('data', (text: Buffer) => (texts.stdout += text.toString()));
  child.stderr.on('data', (text: Buffer) => (texts.stderr += text.toString()));
  const [exitCode] = (await once(child, 'close')) as [number | null];
  return { exitCode, ...texts };
}
