import type { FactPublisher } from '../domain/facts.ts';
import type { Service } from '../domain/service.ts';
import type { CgroupTree } from '../linux/index.ts';

/**
 * Removes what an earlier worker of this node left when it was killed: processes and cgroups of
 * its sandboxes. Mounts, network namespaces and bundles went with its mount namespace.
 */
export class Leftovers implements Service {
  readonly name = 'leftovers';
  readonly #cgroups: CgroupTree;
  readonly #facts: FactPublisher;

  constructor(cgroups: CgroupTree, facts: FactPublisher) {
    this.#cgroups = cgroups;
    this.#facts = facts;
  }

  async start(): Promise<void> {
    const names = this.#cgroups.list();
    if (names.length === 0) return;
    const processes = await Promise.all(names.map((name) => this.#remove(name)));
    this.#facts.publish('sandbox.leftovers_removed', {
      cgroups: names.length,
      processes: processes.reduce((sum, count) => sum + count, 0),
    });
  }

  /** The tree itself goes last: every sandbox has left it by then. */
  async stop(): Promise<void> {
    await this.#cgroups.remove();
  }

  async #remove(name: string): Promise<number> {
    const cgroup = this.#cgroups.open(name);
    const processes = cgroup.processes().length;
    await cgroup.kill();
    await cgroup.remove();
    return processes;
  }
}
