import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { HostError } from '../domain/errors.ts';
import type { Authenticator, Principal } from '../domain/principal.ts';

const secretBytes = 32;

/**
 * The administrator's key, `root:secret`, from its file; made at the first start, readable by the
 * owner only. Processes that start at once agree on one.
 */
export async function ensureRootKey(file: string): Promise<string> {
  const key = `root:${randomBytes(secretBytes).toString('base64url')}`;
  const whole = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    await writeFile(whole, `${key}\n`, { flag: 'wx', mode: 0o600 });
    await link(whole, file); // fails when there is one; never shows a half-written file
    return key;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return await readRootKey(file);
  } finally {
    await rm(whole, { force: true });
  }
}

async function readRootKey(file: string): Promise<string> {
  const key = (await readFile(file, 'utf8')).trim();
  if (/^root:.{16,}$/.test(key)) return key;
  throw new HostError(
    'invalid',
    'security.bad_root_key',
    `${file} holds no key. Delete it and start again to have a new one made.`,
  );
}

/** Knows one key. `Authorization: Bearer id:secret`. */
export class RootKeyAuthenticator implements Authenticator {
  readonly #digest: Buffer;

  constructor(key: string) {
    this.#digest = sha256(key);
  }

  authenticate(authorization: string | undefined): Principal | undefined {
    const token = /^Bearer\s+(\S+)$/i.exec(authorization ?? '')?.[1];
    // Digests have one length and tell nothing of how much of the key was right.
    if (token === undefined || !timingSafeEqual(sha256(token), this.#digest)) return undefined;
    return { id: 'root' };
  }
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
