import { randomBytes } from 'node:crypto';
import { HostError } from '../domain/errors.ts';
import { ensureSecretFile } from './secret-file.ts';

export const rootKeyId = 'root';

const secretBytes = 32;

/** The secret of the administrator's key, from its file, which has `root:secret`. */
export async function ensureRootSecret(file: string): Promise<string> {
  const secret = /^root:(.{16,})$/.exec(await ensureSecretFile(file, newRootKey))?.[1];
  if (secret !== undefined) return secret;
  throw new HostError(
    'invalid',
    'security.bad_root_key',
    `${file} holds no key. Delete it and start again to have a new one made.`,
  );
}

const newRootKey = (): string => `${rootKeyId}:${randomBytes(secretBytes).toString('base64url')}`;
