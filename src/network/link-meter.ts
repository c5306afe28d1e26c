import type { Logger } from '../domain/logger.ts';
import type { UseTally } from '../domain/usage.ts';
import { receivedBytes, type NetlinkSocket } from '../linux/index.ts';

interface Metered {
  readonly functionName: string;
  toldBytes: number;
}

/** Adds to a tally what sandboxes have sent over their links: what the router's ends have received. */
export class LinkMeter {
  readonly #tally: UseTally;
  readonly #logger: Logger;
  readonly #links = new Map<string, Metered>();
  #socket: NetlinkSocket | undefined;

  constructor(tally: UseTally, logger: Logger) {
    this.#tally = tally;
    this.#logger = logger;
    tally.collectFrom(() => [...this.#links.keys()].forEach((link) => this.count(link)));
  }

  /** By which the router's links are asked for; disposed of here. */
  use(socket: NetlinkSocket): void {
    this.#socket?.[Symbol.dispose]();
    this.#socket = socket;
  }

  follow(link: string, functionName: string): void {
    this.#links.set(link, { functionName, toldBytes: 0 });
  }

  forget(link: string): void {
    this.#links.delete(link);
  }

  /** Never throws: a link that is gone counts no more. */
  count(link: string): void {
    const metered = this.#links.get(link);
    if (!metered || !this.#socket) return;
    try {
      const bytes = receivedBytes(this.#socket, link);
      const egressBytes = bytes - metered.toldBytes;
      if (egressBytes <= 0) return;
      metered.toldBytes = bytes;
      this.#tally.add(metered.functionName, { egressBytes });
    } catch (error) {
      this.#logger.debug({ error, link }, 'A link could not be asked for what it has carried.');
    }
  }

  [Symbol.dispose](): void {
    this.#links.clear();
    this.#socket?.[Symbol.dispose]();
    this.#socket = undefined;
  }
}
