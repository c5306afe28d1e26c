import { chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerMount, IdRange } from '../domain/container.ts';

/** Where functions find them. */
export const secretsPath = '/run/secrets';

/** The values of secrets, by the names of their files. */
export type SecretFiles = Readonly<Record<string, string>>;

export interface SecretFolderUser {
  readonly ids: Pick<IdRange, 'firstId'>;
  readonly uid: number;
  readonly gid: number;
}

/**
 * The files with secrets of one sandbox, which only its function's user can read. A running
 * container sees those that are written later, too.
 * INVARIANT: the path lies on a file system that is never written to a disk; swap is one.
 */
export class SecretFolder implements Disposable {
  readonly #path: string;
  readonly #uid: number;
  readonly #gid: number;

  constructor(path: string, { ids, uid, gid }: SecretFolderUser) {
    this.#path = path;
    this.#uid = ids.firstId + uid;
    this.#gid = ids.firstId + gid;
    mkdirSync(path, { mode: 0o500 });
    chownSync(path, this.#uid, this.#gid);
  }

  get mount(): ContainerMount {
    const options = ['bind', 'private', 'ro', 'nosuid', 'nodev', 'noexec'];
    return { destination: secretsPath, type: 'bind', source: this.#path, options };
  }

  /** Once. */
  write(files: SecretFiles): void {
    for (const [name, value] of Object.entries(files)) {
      const path = join(this.#path, name);
      writeFileSync(path, value, { flag: 'wx', mode: 0o400 });
      chownSync(path, this.#uid, this.#gid);
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.#path, { recursive: true });
  }
}
