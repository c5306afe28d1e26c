import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { HostError } from '../domain/errors.ts';
import type { MasterKeys } from './master-key.ts';

const cipher = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

/**
 * Encrypts texts with the master key: `<key id>.<nonce, text and tag in base64url>`. What was sealed
 * for one purpose opens for no other, so that records cannot be exchanged for one another.
 */
export class Sealer {
  readonly #keys: Pick<MasterKeys, 'current' | 'find'>;

  constructor(keys: Pick<MasterKeys, 'current' | 'find'>) {
    this.#keys = keys;
  }

  seal(purpose: string, text: string): string {
    const { id, bytes } = this.#keys.current;
    const nonce = randomBytes(nonceBytes);
    const sealing = createCipheriv(cipher, bytes, nonce).setAAD(Buffer.from(purpose));
    const sealed = [nonce, sealing.update(text, 'utf8'), sealing.final(), sealing.getAuthTag()];
    return `${id}.${Buffer.concat(sealed).toString('base64url')}`;
  }

  /** @throws HostError `internal` when the key is not here or the seal is broken. */
  open(purpose: string, sealed: string): string {
    const [id = '', text = ''] = sealed.split('.', 2);
    const key = this.#keys.find(id);
    if (!key) throw cannotOpen(`the file of master keys on this machine lacks the key ${id}`);
    const bytes = Buffer.from(text, 'base64url');
    const end = bytes.length - tagBytes;
    try {
      const opening = createDecipheriv(cipher, key.bytes, bytes.subarray(0, nonceBytes), {
        authTagLength: tagBytes,
      });
      opening.setAAD(Buffer.from(purpose)).setAuthTag(bytes.subarray(end));
      return `${opening.update(bytes.subarray(nonceBytes, end), undefined, 'utf8')}${opening.final('utf8')}`;
    } catch (cause) {
      throw cannotOpen('it was changed, or sealed for something else', cause);
    }
  }
}

const cannotOpen = (why: string, cause?: unknown): HostError =>
  new HostError('internal', 'security.cannot_open', `A sealed value cannot be opened: ${why}.`, {
    cause,
  });
