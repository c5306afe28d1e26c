import type { NodeDirectory } from '../domain/node.ts';
import type { NodeSandboxes, SandboxDirectory } from '../domain/sandbox-view.ts';
import type { NodeQuestions } from './node-questions.ts';

export interface AskedSandboxDirectoryOptions {
  readonly nodes: Pick<NodeDirectory, 'live'>;
  readonly questions: NodeQuestions;
  readonly patienceMs?: number;
}

/** A node that is alive answers in milliseconds. */
const defaultPatienceMs = 2_000;

export interface SandboxQuestion {
  readonly idPrefix: string;
}

export interface SandboxAnswer {
  readonly sandboxes: ReturnType<NodeSandboxes>;
}

/** Asks all live nodes at once, and waits for each, but not for long. */
export function askedSandboxDirectory(options: AskedSandboxDirectoryOptions): SandboxDirectory {
  const { nodes, questions, patienceMs = defaultPatienceMs } = options;
  return {
    async list(idPrefix = '') {
      const question: SandboxQuestion = { idPrefix };
      const live = nodes.live().map(({ id }) => id);
      const replies = await questions.ask<SandboxAnswer>('sandboxes', question, live, {
        patienceMs,
      });
      const { answers, failures, silentNodes } = replies;
      return {
        sandboxes: [...answers].flatMap(([node, { sandboxes }]) =>
          sandboxes.map((sandbox) => ({ ...sandbox, node })),
        ),
        silentNodes: [...failures.keys(), ...silentNodes],
      };
    },
  };
}
