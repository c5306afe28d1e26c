import { HostError } from '../domain/errors.ts';
import type { NodeId } from '../domain/ids.ts';
import type {
  NodeDirectory,
  NodeInfo,
  NodeRecord,
  NodeRegistry,
  NodeView,
} from '../domain/node.ts';
import type { RecordStore } from '../domain/record-store.ts';

export interface NodeRegistryOptions {
  readonly nodes: NodeDirectory;
  readonly records: RecordStore<NodeRecord>;
  /** Has the node the cluster key of this gateway? */
  readonly isOurs: (node: NodeInfo) => boolean;
}

export function recordedNodes({ nodes, records, isOurs }: NodeRegistryOptions): NodeRegistry {
  const list = (): readonly NodeView[] => {
    const live = nodes.live();
    const there = new Set(live.map(({ id }) => id));
    const away = records.list().filter(({ name }) => !there.has(name));
    return [
      ...live.map((node) => viewOf(node, isOurs(node), records.get(node.id))),
      ...away.map(({ name: id, hostname }) => ({ id, hostname, state: 'away' as const })),
    ].toSorted((a, b) => (a.id < b.id ? -1 : 1));
  };

  const find = (text: string): NodeView => {
    const all = list();
    const named = all.filter(({ hostname }) => hostname === text);
    const found = all.find(({ id }) => id === text) ?? (named.length === 1 ? named[0] : undefined);
    if (found) return found;
    throw named.length > 1 ? ambiguous(text, named) : unknown(text);
  };

  return {
    list,
    find,
    cordon: async (id, isCordoned) => {
      const { hostname } = find(id);
      const before = records.get(id);
      if ((before?.isCordoned ?? false) !== isCordoned) {
        const revision = (before?.revision ?? 0) + 1;
        await records.put({ name: id, hostname, isCordoned, revision });
      }
      return find(id);
    },
    forget: async (id) => {
      if (find(id).state !== 'away') throw stillThere(id);
      await records.remove(id);
    },
  };
}

function viewOf(
  { clusterProof: _secret, ...node }: NodeInfo,
  isOurs: boolean,
  record: NodeRecord | undefined,
): NodeView {
  return { ...node, state: stateOf(isOurs, record) };
}

function stateOf(isOurs: boolean, record: NodeRecord | undefined): NodeView['state'] {
  if (!isOurs) return 'foreign';
  return record?.isCordoned ? 'cordoned' : 'ready';
}

const unknown = (text: string): HostError =>
  new HostError('not_found', 'nodes.unknown', `There is no node "${text.slice(0, 80)}".`);

const ambiguous = (text: string, nodes: readonly NodeView[]): HostError =>
  new HostError(
    'invalid',
    'nodes.ambiguous',
    `Several nodes are on "${text.slice(0, 80)}": ${nodes.map(({ id }) => id).join(', ')}. Give one of these ids.`,
  );

const stillThere = (id: NodeId): HostError =>
  new HostError(
    'conflict',
    'nodes.still_there',
    `${id} is there. Drain it and stop its worker, then it can be forgotten.`,
  );
