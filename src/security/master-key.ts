import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { HostError } from '../domain/errors.ts';
import { ensureSecretFile } from './secret-file.ts';

/** A key for AES-256 and the name by which what it sealed tells it. */
export interface MasterKey {
  readonly id: string;
  readonly bytes: Buffer;
}

const keyPattern = /^([0-9a-f]{8}):([A-Za-z0-9_-]{43})$/;

/** Master keys, one a line: the first seals, the others still open what they sealed. */
export class MasterKeys {
  readonly #file: string;
  #keys: readonly MasterKey[];

  private constructor(file: string, keys: readonly MasterKey[]) {
    this.#file = file;
    this.#keys = keys;
  }

  /** @throws HostError `invalid` when the file holds anything but keys. */
  static async open(file: string): Promise<MasterKeys> {
    return new MasterKeys(file, parse(await ensureSecretFile(file, newMasterKey), file));
  }

  get current(): MasterKey {
    return this.#keys[0] as MasterKey;
  }

  /** Looks into the file again for one that it does not know: it may have been put there since. */
  find(id: string): MasterKey | undefined {
    return this.#known(id) ?? this.#readAgain().#known(id);
  }

  /** Puts a new one before the others, whole or not at all. */
  async rotate(): Promise<void> {
    const whole = `${this.#file}.${process.pid}.new`;
    const text = `${newMasterKey()}\n${await readFile(this.#file, 'utf8')}`;
    try {
      await writeFile(whole, text, { flag: 'wx', mode: 0o600, flush: true });
      await rename(whole, this.#file);
    } finally {
      await rm(whole, { force: true });
    }
    this.#readAgain();
  }

  #known(id: string): MasterKey | undefined {
    return this.#keys.find((key) => key.id === id);
  }

  #readAgain(): this {
    this.#keys = parse(readFileSync(this.#file, 'utf8'), this.#file);
    return this;
  }
}

/** A line for the file. */
function newMasterKey(): string {
  return `${randomBytes(4).toString('hex')}:${randomBytes(32).toString('base64url')}`;
}

function parse(text: string, file: string): readonly MasterKey[] {
  const lines = text.trim().split('\n');
  return lines.map((line) => {
    const [, id, key] = keyPattern.exec(line.trim()) ?? [];
    if (id !== undefined && key !== undefined) return { id, bytes: Buffer.from(key, 'base64url') };
    throw new HostError(
      'invalid',
      'security.bad_master_key',
      `${file} holds something else than master keys. Put back the one it had: without it no secret and no key can be read.`,
    );
  });
}
