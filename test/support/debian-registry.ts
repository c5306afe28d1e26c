import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';

/** Debian's docker-registry on a port of the loopback, with its own folder; it does not know of us. */
export interface DebianRegistry extends AsyncDisposable {
  /** `127.0.0.1:port`. */
  readonly host: string;
}

export async function startDebianRegistry(
  dir: string,
  /** Lines of an htpasswd file: who gets in. Without: anyone. */
  htpasswd?: string,
): Promise<DebianRegistry> {
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const users = join(dir, 'htpasswd');
  if (htpasswd !== undefined) await writeFile(users, htpasswd);
  const auth = htpasswd === undefined ? {} : { auth: { htpasswd: { realm: 'test', path: users } } };
  const config = join(dir, 'registry.json');
  // JSON is YAML.
  await writeFile(
    config,
    JSON.stringify({
      version: '0.1',
      log: { level: 'error' },
      storage: { filesystem: { rootdirectory: join(dir, 'registry') }, delete: { enabled: true } },
      http: { addr: host },
      ...auth,
    }),
  );
  const child = spawn('docker-registry', ['serve', config], { stdio: 'ignore', env: {} });
  const exited = once(child, 'exit');
  const stop = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  try {
    while (!(await answers(host))) {
      if (child.exitCode !== null) throw new Error('docker-registry ended');
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { host, [Symbol.asyncDispose]: stop };
}

async function answers(host: string): Promise<boolean> {
  const response = await fetch(`http://${host}/v2/`).catch(() => undefined);
  await response?.body?.cancel();
  return response !== undefined;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
