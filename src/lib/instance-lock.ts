import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { HostError } from '../domain/errors.ts';

/**
 * Holds a name for this process alone on this machine. The kernel gives it back when the process
 * ends, however it ends: it is an abstract socket, not a file. @throws HostError `conflict`.
 */
export async function lockInstance(what: string, dataDir: string): Promise<Disposable> {
  const name = createHash('sha256').update(`${what}\0${dataDir}`).digest('hex');
  const server = createServer().listen(`\0hearth-${name}`);
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new HostError(
      'conflict',
      'host.already_running',
      `A Hearth ${what} already runs on ${dataDir}. Stop it, or set HEARTH_DATA to another folder.`,
      { cause },
    );
  }
  server.unref();
  return { [Symbol.dispose]: () => void server.close() };
}
