import type { UnreadyNode } from '../domain/deployer.ts';
import { HostError } from '../domain/errors.ts';
import type { FunctionSpec } from '../domain/function.ts';
import type { Digest } from '../domain/ids.ts';
import type { NodeInfo } from '../domain/node.ts';
import type { NodeQuestions } from './node-questions.ts';

export interface NodeVersionsOptions {
  readonly questions: Pick<NodeQuestions, 'ask'>;
  /** The live nodes that may run a function. */
  readonly nodesFor: (spec: FunctionSpec) => readonly NodeInfo[];
}

export interface PreparationQuestion {
  readonly digest: Digest;
}

export type NodesProgress = (nodes: { readonly settled: number; readonly all: number }) => void;

/** A pull of the largest image over a slow line, and its unpack; past it a node is named. */
const prepareLimitMs = 10 * 60_000;

/** Has the nodes that may run a version make it ready, so that no call waits for a pull. */
export class NodeVersions {
  readonly #options: NodeVersionsOptions;
  readonly #preparing = new Set<Digest>();

  constructor(options: NodeVersionsOptions) {
    this.#options = options;
  }

  /** What nodes may pull though it is in no record yet. */
  preparing(): readonly Digest[] {
    return [...this.#preparing];
  }

  /**
   * Gives the nodes that are not ready. Those that are away prepare it when they are back.
   * @throws HostError `unavailable` when every node that answered has failed.
   */
  async prepare(
    spec: FunctionSpec,
    digest: Digest,
    onProgress: NodesProgress = () => {},
  ): Promise<readonly UnreadyNode[]> {
    const nodes = this.#options.nodesFor(spec);
    const question: PreparationQuestion = { digest };
    let settled = 0;
    this.#preparing.add(digest);
    onProgress({ settled, all: nodes.length });
    try {
      const ids = nodes.map(({ id }) => id);
      const { answers, failures } = await this.#options.questions.ask(
        'preparation',
        question,
        ids,
        {
          signal: AbortSignal.timeout(prepareLimitMs),
          onSettled: () => onProgress({ settled: ++settled, all: nodes.length }),
        },
      );
      const unready = nodes
        .filter(({ id }) => !answers.has(id))
        .map(({ id, hostname }) => ({
          node: id,
          hostname,
          why: failures.get(id)?.message ?? 'It did not say in time that it is ready.',
        }));
      if (answers.size === 0 && failures.size > 0) throw noNode(spec.name, unready);
      return unready;
    } finally {
      this.#preparing.delete(digest);
    }
  }
}

const noNode = (name: string, unready: readonly UnreadyNode[]): HostError =>
  new HostError(
    'unavailable',
    'deploy.no_node',
    `No node can prepare ${name}, so nothing was changed: ${unready.map(({ hostname, why }) => `${hostname}: ${why}`).join(' ')}`,
    { details: { nodes: unready } },
  );
