import type { Fact, FactFeed, StreamedFact } from '../../src/domain/facts.ts';

/** A FactFeed without a Redis: what is published is kept and told at once. */
export class MemoryFactFeed implements FactFeed {
  readonly #listeners = new Set<(fact: StreamedFact) => void>();
  readonly #kept: StreamedFact[] = [];

  publish(fact: Fact): StreamedFact {
    const streamed = { id: `1-1.${this.#kept.length}`, source: 'test', fact };
    this.#kept.push(streamed);
    for (const listener of this.#listeners) listener(streamed);
    return streamed;
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  subscribe(listener: (fact: StreamedFact) => void): () => void {
    const subscription = (fact: StreamedFact) => {
      try {
        listener(fact);
      } catch {
        // goes no further
      }
    };
    this.#listeners.add(subscription);
    return () => void this.#listeners.delete(subscription);
  }

  async after(id: string, limit: number): Promise<readonly StreamedFact[]> {
    const index = this.#kept.findIndex((fact) => fact.id === id);
    return this.#kept.slice(index + 1, index + 1 + limit);
  }
}
