import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandIn } from './host-process.ts';

export interface RunningRedis {
  readonly socketPath: string;
  /** As a crash would end it. */
  kill(): Promise<void>;
  /** It answers nothing any more, though its connections stay. */
  hang(): void;
  /** It goes on where it hung. */
  resume(): void;
  /** On the same socket; with nothing of what it held, unless it is durable. */
  restart(): Promise<void>;
  /** Kills it and removes its folder. Idempotent. */
  stop(): Promise<void>;
}

/**
 * A real Redis of one's own: on a Unix socket in a fresh folder, no port. Durable: it writes every
 * command to the disk before it answers, and has all of them after a restart.
 */
export async function startRedis(
  options: {
    readonly durable?: boolean;
    /** More of its settings, as for its command line. */
    readonly settings?: readonly string[];
    /** A network namespace for it. */
    readonly namespace?: string;
  } = {},
): Promise<RunningRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'hearth-redis-'));
  const socketPath = join(folder, 'redis.sock');
  const disk = options.durable ? ['--appendonly', 'yes', '--appendfsync', 'always'] : [];
  const at = ['--port', '0', '--unixsocket', socketPath, '--dir', folder];
  const settings = [...at, '--save', '', ...disk, ...(options.settings ?? [])];
  let server: ChildProcess | undefined;
  const kill = async () => {
    if (server?.exitCode === null && server.signalCode === null) {
      const exited = once(server, 'exit');
      server.kill('SIGKILL');
      await exited;
    }
  };
  const restart = async () => {
    const [program, ...args] = commandIn(options.namespace, ['redis-server', ...settings]);
    const started = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    server = started;
    await ready(started.stdout);
  };
  const stop = async () => {
    await kill();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await restart();
    const hang = () => void server?.kill('SIGSTOP');
    const resume = () => void server?.kill('SIGCONT');
    return { socketPath, kill, hang, resume, restart, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Waits for the line with which Redis says that it serves its socket. */
async function ready(output: AsyncIterable<Buffer>): Promise<void> {
  let text = '';
  for await (const piece of output) {
    text += piece.toString();
    if (text.includes('eady to accept connections')) return;
  }
  throw new Error(`redis-server did not start: ${text}`);
}
