import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface RunningRedis {
  readonly socketPath: string;
  /** Kills it and removes its folder. Idempotent. */
  stop(): Promise<void>;
}

/** A real Redis of one's own: on a Unix socket in a fresh folder, no port, nothing on disk. */
export async function startRedis(): Promise<RunningRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'hearth-redis-'));
  const socketPath = join(folder, 'redis.sock');
  const settings = ['--port', '0', '--unixsocket', socketPath, '--save', '', '--dir', folder];
  const server = spawn('redis-server', settings, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(server, 'exit');
  const stop = async () => {
    if (server.exitCode === null && server.signalCode === null) {
      server.kill('SIGKILL');
      await exited;
    }
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await ready(server.stdout);
    return { socketPath, stop };
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
