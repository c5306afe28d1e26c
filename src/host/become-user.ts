import { access, readdir, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { HostError } from '../domain/errors.ts';
import { exec } from '../lib/exec.ts';

/**
 * Makes this process, which root has started, one of a user who is not root: for good, with all of
 * its threads and without a capability. The data folder becomes theirs, the first time. Nothing
 * happens where the process is not root's. @throws HostError `invalid`.
 */
export async function becomeUser(user: string, dataDir: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const [uid, gid] = await Promise.all([idOf(user, '--user'), idOf(user, '--group')]);
  if (uid === 0) throw invalid(`HEARTH_USER is "${user}", who is root: name a user of its own.`);
  await requireOwnFolder(dataDir);
  if ((await stat(dataDir)).uid !== uid) {
    await exec('chown', ['--recursive', '--no-dereference', '--', `${uid}:${gid}`, dataDir]);
  }
  process.setgroups?.([gid]);
  process.setgid?.(gid);
  process.setuid?.(uid);
  await requireProgram(user);
}

/** Most of it is read later, piece by piece: what cannot be read shall be told at the start. */
async function requireProgram(user: string): Promise<void> {
  await access(program).catch((cause: unknown) => {
    throw invalid(
      `"${user}" of HEARTH_USER cannot read Hearth itself, ${program}: install it where every user can.`,
      cause,
    );
  });
}

async function idOf(user: string, which: '--user' | '--group'): Promise<number> {
  try {
    return Number((await exec('id', [which, '--', user])).stdout);
  } catch (cause) {
    throw invalid(
      `There is no user "${user}" for HEARTH_USER: make one with "useradd --system ${user}".`,
      cause,
    );
  }
}

/** Nobody is given a folder that is another's, or in which a worker, which is root, has its own. */
async function requireOwnFolder(dataDir: string): Promise<void> {
  const names = await readdir(dataDir);
  if (names.includes('node-id')) {
    throw invalid(
      `A worker uses ${dataDir}, too: with HEARTH_USER a gateway needs a HEARTH_DATA of its own.`,
    );
  }
  if (names.length > 0 && !names.some((name) => gatewayKeys.has(name))) {
    throw invalid(
      `${dataDir} is not empty and no gateway's: with HEARTH_USER, HEARTH_DATA must be one or the other.`,
    );
  }
}

const program = fileURLToPath(new URL('../main.ts', import.meta.url));

const gatewayKeys: ReadonlySet<string> = new Set(['root.key', 'master.key', 'cluster.key']);

const invalid = (message: string, cause?: unknown): HostError =>
  new HostError('invalid', 'host.bad_user', message, { cause });
