import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { ContainerLimits } from '../domain/container-engine.ts';
import { HostError } from '../domain/errors.ts';
import {
  cgroupLayout,
  usedControllers,
  type CgroupLayout,
  type Controller,
} from './cgroup-layout.ts';
import { CgroupV1 } from './cgroup-v1.ts';
import { CgroupV2 } from './cgroup-v2.ts';
import { removeCgroup, removeUnused, subfolders, writeControl, type Cgroup } from './cgroup.ts';
import { parseMountInfo } from './mounts.ts';

/** Controllers that have to be passed down in a v2 tree; the others are always there. */
const v2Controllers = '+memory +pids +cpu';

/** All cgroups of one node, side by side below one path such as `hearth/<node>`. */
export class CgroupTree {
  readonly #layout: CgroupLayout;
  readonly #path: string;

  constructor(layout: CgroupLayout, path: string) {
    this.#layout = layout;
    this.#path = path;
  }

  /** Makes an empty cgroup with its limits in force. */
  create(name: string, limits: ContainerLimits): Cgroup {
    const dirs = this.#controllerDirs(name);
    if (this.#layout.version === 2) this.#passDownControllers(this.#layout.mountPoint);
    for (const dir of dirs) mkdirSync(dir, { recursive: true });
    const cgroup = this.open(name);
    cgroup.setLimits(limits);
    return cgroup;
  }

  /** One that was made before, perhaps by an earlier process. */
  open(name: string): Cgroup {
    const layout = this.#layout;
    if (layout.version === 2) return new CgroupV2(join(layout.mountPoint, this.#path, name));
    const dirs = Object.fromEntries(
      usedControllers.map((controller) => [
        controller,
        join(layout.controllers[controller], this.#path, name),
      ]),
    ) as Record<Controller, string>;
    return new CgroupV1(dirs, this.#everywhere(name));
  }

  /** Names of all there are, in any hierarchy. */
  list(): readonly string[] {
    return [...new Set(this.#everywhere('').flatMap((dir) => subfolders(dir)))];
  }

  /** Removes the tree; every cgroup in it must be empty. Idempotent. */
  async remove(): Promise<void> {
    const dirs = this.#everywhere('');
    await Promise.all(dirs.map((dir) => removeCgroup(dir)));
    for (const dir of dirs) removeUnused(dirname(dir));
  }

  #controllerDirs(name: string): readonly string[] {
    const layout = this.#layout;
    const roots =
      layout.version === 2 ? [layout.mountPoint] : [...new Set(Object.values(layout.controllers))];
    return roots.map((root) => join(root, this.#path, name));
  }

  #everywhere(name: string): readonly string[] {
    const layout = this.#layout;
    const roots = layout.version === 2 ? [layout.mountPoint] : layout.hierarchies;
    return roots.map((root) => join(root, this.#path, name));
  }

  /** A v2 cgroup has the controllers that its parent hands on; a parent has no processes. */
  #passDownControllers(mountPoint: string): void {
    const tree = join(mountPoint, this.#path);
    mkdirSync(tree, { recursive: true });
    const ancestors: string[] = [];
    for (let dir = tree; relative(mountPoint, dir) !== ''; dir = dirname(dir)) ancestors.push(dir);
    for (const dir of [mountPoint, ...ancestors.toReversed()]) {
      writeControl(dir, 'cgroup.subtree_control', v2Controllers);
    }
  }
}

/** This machine's layout. @throws HostError `unavailable` when a controller is missing. */
export function readCgroupLayout(): CgroupLayout {
  const layout = cgroupLayout(parseMountInfo(readFileSync('/proc/self/mountinfo', 'utf8')));
  if (layout) return layout;
  throw new HostError(
    'unavailable',
    'cgroup.no_controllers',
    `Limits cannot be enforced: the cgroup controllers ${usedControllers.join(', ')} are not all mounted under /sys/fs/cgroup.`,
  );
}
