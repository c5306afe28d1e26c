import type { FactPublisher } from '../domain/facts.ts';
import type { NodeInfo, NodeRecord } from '../domain/node.ts';
import type { RecordStore } from '../domain/record-store.ts';
import type { Service } from '../domain/service.ts';

export interface NodeMembershipOptions {
  readonly node: Pick<NodeInfo, 'id' | 'hostname'>;
  readonly records: RecordStore<NodeRecord>;
  readonly facts: FactPublisher;
}

/** A node is recorded when it first comes, so that it is known, and stays cordoned, while it is away. */
export class NodeMembership implements Service {
  readonly name = 'node membership';
  readonly #options: NodeMembershipOptions;

  constructor(options: NodeMembershipOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { node, records, facts } = this.#options;
    const { id: name, hostname } = node;
    const before = records.get(name);
    if (before?.hostname !== hostname) {
      const { isCordoned = false, revision = 0 } = before ?? {};
      await records.put({ name, hostname, isCordoned, revision: revision + 1 });
    }
    facts.publish('node.joined', { node: name, hostname });
  }

  async stop(): Promise<void> {
    const { id: node, hostname } = this.#options.node;
    this.#options.facts.publish('node.left', { node, hostname });
  }
}
