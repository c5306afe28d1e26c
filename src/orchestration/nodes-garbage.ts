import type { GarbageReport, NodesGarbage } from '../domain/image-garbage.ts';
import type { NodeDirectory } from '../domain/node.ts';
import type { NodeQuestions } from './node-questions.ts';

export interface AskedNodesGarbageOptions {
  readonly questions: Pick<NodeQuestions, 'ask'>;
  readonly nodes: Pick<NodeDirectory, 'live'>;
}

export interface CollectionQuestion {
  readonly dryRun: boolean;
}

/** Looking through a large store takes a minute. */
const collectLimitMs = 10 * 60_000;

export function askedNodesGarbage({ questions, nodes }: AskedNodesGarbageOptions): NodesGarbage {
  return {
    async collect({ dryRun }) {
      const live = nodes.live();
      const question: CollectionQuestion = { dryRun };
      const ids = live.map(({ id }) => id);
      const { answers, failures, silentNodes } = await questions.ask<GarbageReport>(
        'collection',
        question,
        ids,
        { signal: AbortSignal.timeout(collectLimitMs) },
      );
      const reports = live.flatMap(({ id, hostname }) => {
        const report = answers.get(id);
        return report ? [{ node: id, hostname, ...report }] : [];
      });
      return {
        nodes: reports.filter(
          ({ names, blobs, layers }) => names.length + blobs.length + layers.length > 0,
        ),
        silentNodes: [...failures.keys(), ...silentNodes],
      };
    },
  };
}
