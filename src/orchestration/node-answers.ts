import type { Redis } from 'ioredis';
import { toHostError, type ErrorCode } from '../domain/errors.ts';
import type { NodeId } from '../domain/ids.ts';
import type { Logger } from '../domain/logger.ts';
import type { Service } from '../domain/service.ts';
import { connect, newRedis, type RedisConnectionOptions } from '../lib/redis-connection.ts';
import { redisKeys } from './redis-keys.ts';

/** What nodes can be asked: which sandboxes they have, to prepare a version, to collect garbage. */
export type NodeTopic = 'sandboxes' | 'preparation' | 'collection';

/** What a gateway asks nodes. */
export interface NodeQuestion {
  readonly id: string;
  /** The channel for the answers. */
  readonly answerTo: string;
  readonly about: NodeTopic;
  readonly body: object;
  readonly to: readonly NodeId[];
}

export interface NodeAnswer {
  readonly question: string;
  readonly node: NodeId;
  readonly state: 'working' | 'done' | 'failed';
  /** Of one that is done. */
  readonly body?: unknown;
  /** Of one that failed. */
  readonly error?: { readonly code: ErrorCode; readonly reason: string; readonly message: string };
}

/** What a node does when it is asked about something. Bounded in time. */
export type NodeAnswerer = (body: never) => Promise<object> | object;

export interface NodeAnswersOptions extends RedisConnectionOptions {
  readonly node: NodeId;
  readonly answerers: Readonly<Record<NodeTopic, NodeAnswerer>>;
  readonly sayEveryMs?: number;
}

/**
 * A worker's end: answers what a gateway asks, over channels of the fast Redis, and says each second
 * that it still works on it. Nothing is read from the kernel while nobody looks.
 */
export class NodeAnswers implements Service {
  readonly name = 'answers of this node';
  readonly #options: NodeAnswersOptions;
  readonly #logger: Logger;
  readonly #questions: Redis;
  readonly #commands: Redis;

  constructor(options: NodeAnswersOptions) {
    this.#options = options;
    this.#logger = options.logger;
    this.#questions = newRedis(options, 'questions to this node');
    this.#commands = newRedis(options, 'answers of this node');
    this.#questions.on('message', (_channel: string, text: string) => {
      this.#answer(JSON.parse(text) as NodeQuestion).catch((error: unknown) => {
        this.#logger.warn({ error }, 'A question to this node could not be answered.');
      });
    });
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
    const { questions } = redisKeys(this.#options.keyPrefix);
    await this.#questions.subscribe(questions).catch((error: unknown) => {
      this.#logger.warn({ error }, 'This node does not hear what gateways ask.');
    });
  }

  async #answer({ id, answerTo, about, body, to }: NodeQuestion): Promise<void> {
    const { node, answerers, sayEveryMs = 1_000 } = this.#options;
    if (!to.includes(node)) return;
    const say = (answer: Pick<NodeAnswer, 'state' | 'body' | 'error'>) =>
      this.#say(answerTo, { question: id, node, ...answer });
    const working = setInterval(() => void say({ state: 'working' }), sayEveryMs);
    try {
      await say({ state: 'done', body: await answerers[about](body as never) });
    } catch (thrown) {
      this.#logger.warn({ error: thrown, about }, 'What a gateway asked of this node failed.');
      const { code, reason, message } = toHostError(thrown);
      await say({ state: 'failed', error: { code, reason, message } });
    } finally {
      clearInterval(working);
    }
  }

  async #say(answerTo: string, answer: NodeAnswer): Promise<void> {
    await this.#commands.publish(answerTo, JSON.stringify(answer)).catch((error: unknown) => {
      this.#logger.warn({ error }, 'An answer of this node did not go out.');
    });
  }
}
