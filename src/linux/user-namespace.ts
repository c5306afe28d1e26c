import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { exitOf, spawnProcess } from '../lib/exec.ts';

/** A user namespace that exists without a process in it. */
export interface UserNamespace extends Disposable {
  readonly fd: number;
}

export interface UserNamespaceIds {
  readonly firstId: number;
  readonly count: number;
  /** Two users, and two groups, each of whom is the other one outside; none by default. */
  readonly swapped?: { readonly uids: IdPair; readonly gids: IdPair };
}

export type IdPair = readonly [number, number];

/**
 * Maps 0 and the ids that follow to the host's from `firstId`. A namespace can only be made by a
 * process that enters it: a small one does, and ends once the namespace is held here.
 */
export async function openUserNamespace(ids: UserNamespaceIds): Promise<UserNamespace> {
  const enter = ['--user', '--', 'sh', '-c', 'echo; read line'];
  const child = spawnProcess('unshare', enter, { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = exitOf(child).catch((error: unknown) => error);
  try {
    // Said from inside, or it ended without a word; then the maps cannot be written.
    await Promise.race([once(child.stdout!, 'data'), ended]);
    await writeFile(`/proc/${child.pid}/uid_map`, idMap(ids, ids.swapped?.uids));
    await writeFile(`/proc/${child.pid}/gid_map`, idMap(ids, ids.swapped?.gids));
    const fd = openSync(`/proc/${child.pid}/ns/user`, 'r');
    return { fd, [Symbol.dispose]: () => closeSync(fd) };
  } finally {
    child.stdin?.end();
    await ended;
  }
}

/** Lines of user_namespaces(7): first id inside, first id outside, how many. */
export function idMap({ firstId, count }: UserNamespaceIds, swapped: IdPair = [0, 0]): string {
  const [low, high] = swapped.toSorted((a, b) => a - b) as [number, number];
  if (high >= count) throw new RangeError(`id ${high} is not one of the ${count} of a sandbox`);
  const lines =
    low === high
      ? [[0, 0, count]]
      : [
          [0, 0, low],
          [low, high, 1],
          [low + 1, low + 1, high - low - 1],
          [high, low, 1],
          [high + 1, high + 1, count - high - 1],
        ];
  return lines
    .filter(([, , length]) => length! > 0)
    .map(([inside, outside, length]) => `${inside} ${firstId + outside!} ${length}\n`)
    .join('');
}
