import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';

export interface ImageUser {
  readonly uid: number;
  readonly gid: number;
}

/** Of images that name no user, or root: there is no root in a sandbox. */
const ordinaryUser: ImageUser = { uid: 1000, gid: 1000 };

/** Every sandbox has so many ids of its own. */
const idLimit = 65_535;
const fileLimitBytes = 1024 * 1024;

/**
 * Whom an image wants its program to be run as: `user`, `uid`, with `:group` or `:gid`. Names are
 * looked up in the image. Nobody that it does not name correctly is ever root.
 */
export async function imageUser(wanted: string, layerDirs: readonly string[]): Promise<ImageUser> {
  const [user = '', group] = wanted.split(':');
  if (user === '') return ordinaryUser;
  const entry = isNumber(user) ? undefined : await entryOf(layerDirs, 'etc/passwd', user);
  const uid = Number(entry?.[2] ?? user);
  const groupEntry =
    group === undefined || isNumber(group)
      ? undefined
      : await entryOf(layerDirs, 'etc/group', group);
  const gid = Number(groupEntry?.[2] ?? group ?? entry?.[3] ?? uid);
  return isOrdinary(uid) ? { uid, gid: isOrdinary(gid) ? gid : ordinaryUser.gid } : ordinaryUser;
}

const isNumber = (text: string): boolean => /^[0-9]{1,10}$/.test(text);

const isOrdinary = (id: number): boolean => Number.isInteger(id) && id > 0 && id <= idLimit;

/** The fields of a line of /etc/passwd or /etc/group, from the topmost layer that has the file. */
async function entryOf(
  layerDirs: readonly string[],
  file: string,
  name: string,
): Promise<readonly string[] | undefined> {
  for (const dir of layerDirs) {
    const text = await readPlain(join(dir, file));
    if (text === undefined) continue;
    return text
      .split('\n')
      .map((line) => line.split(':'))
      .find(([first]) => first === name);
  }
  return undefined;
}

/** Not through a link, which would lead to a file of the host. */
async function readPlain(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    const { size } = await file.stat();
    return size > fileLimitBytes ? undefined : await file.readFile('utf8');
  } catch {
    return undefined;
  }
}
