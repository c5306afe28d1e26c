import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

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
  const users = join(dir, 'htpasswd');
  if (htpasswd !== undefined) await writeFile(users, htpasswd);
  const auth = htpasswd === undefined ? {} : { auth: { htpasswd: { realm: 'test', path: users } } };
  const config = join(dir, 'registry.json');
  // JSON is YAML.
  await writeFile(
    config,
    JSON.stringify({
      version: '0.1',
      log: { level: 'info' }, // it tells the port that it got
      storage: { filesystem: { rootdirectory: join(dir, 'registry') }, delete: { enabled: true } },
      http: { addr: '127.0.0.1:0' },
      ...auth,
    }),
  );
  const child = spawn('docker-registry', ['serve', config], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {},
  });
  const exited = once(child, 'exit');
  const stop = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  try {
    const host = await listeningOn(child.stderr);
    child.stderr.resume();
    return { host, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** It says where it listens once it does. */
async function listeningOn(output: Readable): Promise<string> {
  let text = '';
  for await (const piece of output.iterator({ destroyOnReturn: false })) {
    text += String(piece);
    const host = /listening on (127\.0\.0\.1:\d+)/.exec(text)?.[1];
    if (host !== undefined) return host;
  }
  throw new Error(`docker-registry did not start: ${text}`);
}
