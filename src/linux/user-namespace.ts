import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { exitOf, spawnProcess } from '../lib/exec.ts';

/** A user namespace that exists without a process in it. */
export interface UserNamespace extends Disposable {
  readonly fd: number;
}

/**
 * Maps 0 and the ids that follow to the host's from `firstId`. A namespace can only be made by a
 * process that enters it: a small one does, and ends once the namespace is held here.
 */
export async function openUserNamespace(ids: {
  readonly firstId: number;
  readonly count: number;
}): Promise<UserNamespace> {
  const enter = ['--user', '--', 'sh', '-c', 'echo; read line'];
  const child = spawnProcess('unshare', enter, { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = exitOf(child).catch((error: unknown) => error);
  try {
    // Said from inside, or it ended without a word; then the maps cannot be written.
    await Promise.race([once(child.stdout!, 'data'), ended]);
    const map = `0 ${ids.firstId} ${ids.count}`;
    await writeFile(`/proc/${child.pid}/uid_map`, map);
    await writeFile(`/proc/${child.pid}/gid_map`, map);
    const fd = openSync(`/proc/${child.pid}/ns/user`, 'r');
    return { fd, [Symbol.dispose]: () => closeSync(fd) };
  } finally {
    child.stdin?.end();
    await ended;
  }
}
