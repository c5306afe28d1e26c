import { mkdirSync, rmdirSync } from 'node:fs';
import { bindMount, mountShared, unmount } from '../linux/index.ts';

/**
 * The folder that a running container sees at /var/task before it has a function. The container's
 * copy is a slave of this one: what is mounted here later appears there, read-only, because what
 * it is a copy of already is. Nothing goes the other way.
 */
export class TaskFolder implements Disposable {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
    mkdirSync(path, { mode: 0o711 });
    mountShared(path);
  }

  /** Shows a folder that lies on a read-only mount. */
  show(codeDir: string): void {
    bindMount(codeDir, this.path);
  }

  [Symbol.dispose](): void {
    unmount(this.path, { detach: true }); // the code, if there is any,
    unmount(this.path, { detach: true }); // and the folder
    rmdirSync(this.path);
  }
}
