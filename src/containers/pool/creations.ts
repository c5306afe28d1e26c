import { firstOf, newMember, type Group, type Member } from './group.ts';
import type { Waiter } from './waiter.ts';
import type { SandboxFactory } from '../sandbox-factory.ts';

export interface CreationsOptions {
  readonly factory: SandboxFactory;
  readonly onMade: (member: Member) => void;
  /** The first waiter has been told, if there is one; the next may have better luck. */
  readonly onFailed: (group: Group) => void;
}

/** Sandboxes on their way into the pool. They count as the function's from the start. */
export class Creations {
  readonly #options: CreationsOptions;
  readonly #underWay = new Set<Promise<void>>();
  readonly #stopped = new AbortController();

  constructor(options: CreationsOptions) {
    this.#options = options;
  }

  /** `idleSinceMs`: for one that nobody asked for yet, since when nobody has. */
  start(group: Group, idleSinceMs?: number): void {
    group.owner.size += 1;
    group.creating += 1;
    const making = this.#make(group, idleSinceMs).finally(() => this.#underWay.delete(making));
    this.#underWay.add(making);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all(this.#underWay);
  }

  async #make(group: Group, idleSinceMs?: number): Promise<void> {
    const { factory, onMade } = this.#options;
    const startedMs = performance.now();
    const creation = factory.create(group.version, this.#stopped.signal);
    await creation.then(
      (made) => {
        group.creating -= 1;
        if (made.failure) this.#failed(group, (waiter) => waiter.resolve(made));
        else onMade(newMember(group, made, performance.now() - startedMs, idleSinceMs));
      },
      (error: unknown) => {
        group.creating -= 1;
        this.#failed(group, (waiter) => waiter.reject(error));
      },
    );
  }

  #failed(group: Group, tell: (waiter: Waiter) => void): void {
    group.owner.size -= 1;
    const waiter = firstOf(group.waiters);
    if (waiter) tell(waiter);
    this.#options.onFailed(group);
  }
}
