import type { ContainerEngine } from '../domain/container-engine.ts';
import type { FactPublisher } from '../domain/facts.ts';
import type { Service } from '../domain/service.ts';
import type { CgroupTree } from '../linux/index.ts';

/**
 * Removes what an earlier worker of this node left when it was killed: processes and cgroups of
 * its sandboxes. Mounts, network namespaces and bundles went with its mount namespace.
 */
export class Leftovers implements Service {
  readonly name = 'leftovers';
  readonly #engine: Pick<ContainerEngine, 'list' | 'remove'>;
  readonly #cgroups: Pick<CgroupTree, 'remove'>;
  readonly #facts: FactPublisher;

  constructor(
    engine: Pick<ContainerEngine, 'list' | 'remove'>,
    cgroups: Pick<CgroupTree, 'remove'>,
    facts: FactPublisher,
  ) {
    this.#engine = engine;
    this.#cgroups = cgroups;
    this.#facts = facts;
  }

  async start(): Promise<void> {
    const ids = this.#engine.list();
    if (ids.length === 0) return;
    const processes = await Promise.all(ids.map((id) => this.#engine.remove(id)));
    this.#facts.publish('sandbox.leftovers_removed', {
      cgroups: ids.length,
      processes: processes.reduce((sum, count) => sum + count, 0),
    });
  }

  /** The tree itself goes last: every sandbox has left it by then. */
  async stop(): Promise<void> {
    await this.#cgroups.remove();
  }
}
