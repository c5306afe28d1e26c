import { HostError } from '../domain/errors.ts';

const pathLimitBytes = 4096;
const nameLimitBytes = 255;

/**
 * A path in a tar as a path relative to the root, without a slash at either end; '' is the root.
 * @throws HostError `invalid` for one that leaves the root or that no file system could have.
 */
export function parseTarPath(name: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (name.startsWith('/')) throw unsafe(name, 'it is absolute');
  if (parts.includes('..')) throw unsafe(name, 'it leaves its folder');
  if (name.includes('\0')) throw unsafe(name, 'it has a zero byte');
  if (Buffer.byteLength(name) > pathLimitBytes) throw unsafe(name, 'it is too long');
  if (parts.some((part) => Buffer.byteLength(part) > nameLimitBytes)) {
    throw unsafe(name, 'a name in it is too long');
  }
  return parts.join('/');
}

export function unsafe(name: string, why: string): HostError {
  return new HostError(
    'invalid',
    'image.unsafe_entry',
    `The archive has an entry "${name.slice(0, 200)}" that is not allowed: ${why}.`,
  );
}
