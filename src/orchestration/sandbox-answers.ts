import type { Redis } from 'ioredis';
import type { NodeId } from '../domain/ids.ts';
import type { Logger } from '../domain/logger.ts';
import type { NodeSandboxes } from '../domain/sandbox-view.ts';
import type { Service } from '../domain/service.ts';
import { connect, newRedis, type RedisConnectionOptions } from '../lib/redis-connection.ts';
import { redisKeys } from './redis-keys.ts';

/** What a gateway asks all nodes. */
export interface SandboxQuestion {
  readonly id: string;
  /** The channel for the answers. */
  readonly answerTo: string;
  readonly idPrefix: string;
}

export interface SandboxAnswer {
  readonly question: string;
  readonly node: NodeId;
  readonly sandboxes: ReturnType<NodeSandboxes>;
}

export interface SandboxAnswersOptions extends RedisConnectionOptions {
  readonly node: NodeId;
  readonly sandboxes: NodeSandboxes;
}

/**
 * A worker's end: tells which sandboxes it has when a gateway asks, over channels of the fast Redis.
 * Nothing is read from the kernel while nobody looks.
 */
export class SandboxAnswers implements Service {
  readonly name = 'sandbox answers';
  readonly #options: SandboxAnswersOptions;
  readonly #logger: Logger;
  readonly #questions: Redis;
  readonly #commands: Redis;

  constructor(options: SandboxAnswersOptions) {
    this.#options = options;
    this.#logger = options.logger;
    this.#questions = newRedis(options, 'questions about sandboxes');
    this.#commands = newRedis(options, 'answers about sandboxes');
    this.#questions.on('message', (_channel: string, text: string) => void this.#answer(text));
  }

  async start(signal: AbortSignal): Promise<void> {
    await Promise.all([connect(this.#questions, signal), connect(this.#commands, signal)]);
    this.#questions.on('ready', () => void this.#listen());
    await this.#listen();
  }

  async stop(): Promise<void> {
    this.#questions.disconnect();
    this.#commands.disconnect();
  }

  async #listen(): Promise<void> {
    const { sandboxQuestions } = redisKeys(this.#options.keyPrefix);
    await this.#questions.subscribe(sandboxQuestions).catch((error: unknown) => {
      this.#logger.warn({ error }, 'This node does not hear questions about its sandboxes.');
    });
  }

  async #answer(text: string): Promise<void> {
    const { node } = this.#options;
    try {
      const { id, answerTo, idPrefix } = JSON.parse(text) as SandboxQuestion;
      const sandboxes = this.#options.sandboxes(idPrefix);
      const answer: SandboxAnswer = { question: id, node, sandboxes };
      await this.#commands.publish(answerTo, JSON.stringify(answer));
    } catch (error) {
      this.#logger.warn({ error }, 'A question about sandboxes was not answered.');
    }
  }
}
