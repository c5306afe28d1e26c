import type { NodeId } from '../domain/ids.ts';
import type { Logger } from '../domain/logger.ts';
import type { NodeDirectory, NodeRecord } from '../domain/node.ts';
import type { RecordStore } from '../domain/record-store.ts';
import type { Service } from '../domain/service.ts';
import { Repeating } from '../lib/repeating.ts';
import { lostNodes, missed, type Absences } from './absence-policy.ts';
import { heartbeatMs } from './node-announcement.ts';

export interface NodeAdoptionOptions {
  readonly self: NodeId;
  readonly nodes: NodeDirectory;
  readonly records: Pick<RecordStore<NodeRecord>, 'list'>;
  /** Takes over what the node had under way. Idempotent: other nodes do the same. */
  readonly adopt: (node: NodeId) => Promise<void>;
  readonly logger: Logger;
}

/** Notices which nodes are lost, and has what they had under way adopted: once for each time. */
export class NodeAdoption implements Service {
  readonly name = 'node adoption';
  readonly #options: NodeAdoptionOptions;
  readonly #looking = new Repeating(heartbeatMs, () => this.#look());
  readonly #adopted = new Set<NodeId>();
  #absences: Absences = new Map();

  constructor(options: NodeAdoptionOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#looking.start();
  }

  async stop(): Promise<void> {
    await this.#looking.stop();
  }

  async #look(): Promise<void> {
    const { self, nodes, records, adopt, logger } = this.#options;
    const nowMs = Date.now();
    const known = records.list().map(({ name }) => name);
    const live = new Set(nodes.live().map(({ id }) => id));
    this.#absences = missed(this.#absences, { self, known, live, nowMs });
    const lost = new Set(lostNodes(this.#absences, nowMs));
    for (const node of this.#adopted) if (!lost.has(node)) this.#adopted.delete(node);
    for (const node of lost) {
      if (this.#adopted.has(node)) continue;
      try {
        await adopt(node);
        this.#adopted.add(node);
      } catch (error) {
        logger.warn({ error, node }, 'The work of a lost node was not taken over; trying again.');
      }
    }
  }
}
