/**
 * One creates, the others wait: calls for a key while one is under way share its result, also its
 * failure. Nothing is remembered once it has settled.
 */
export class SingleFlight<K, V> {
  readonly #flights = new Map<K, Promise<V>>();

  run(key: K, create: () => Promise<V>): Promise<V> {
    const flying = this.#flights.get(key);
    if (flying) return flying;
    const flight = create().finally(() => this.#flights.delete(key));
    this.#flights.set(key, flight);
    return flight;
  }
}
