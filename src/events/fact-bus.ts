import type { Fact, FactListener, FactPublisher, FactType, Facts } from '../domain/facts.ts';

/**
 * Facts within one process. Listeners are called at once, in the order they subscribed, each with
 * every fact; nothing is kept, so who subscribes later has missed what was before.
 */
export class FactBus implements FactPublisher {
  readonly #now: () => number;
  #listeners: readonly FactListener[] = [];
  #failures = 0;

  constructor({ now = Date.now }: { readonly now?: () => number } = {}) {
    this.#now = now;
  }

  /** Calls of listeners that threw. */
  get failures(): number {
    return this.#failures;
  }

  publish<T extends FactType>(type: T, data: Facts[T]): void {
    const fact = { type, timeMs: this.#now(), data } as Fact;
    for (const listener of this.#listeners) {
      try {
        listener(fact);
      } catch {
        this.#failures += 1; // INVARIANT: a broken listener breaks neither publisher nor listeners.
      }
    }
  }

  /** Returns what ends the subscription; idempotent, and safe while a fact is published. */
  subscribe(listener: FactListener): () => void {
    const subscription: FactListener = (fact) => listener(fact);
    this.#listeners = [...this.#listeners, subscription];
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== subscription);
    };
  }
}
