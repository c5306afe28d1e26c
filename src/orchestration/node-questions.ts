import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { HostError } from '../domain/errors.ts';
import type { NodeId } from '../domain/ids.ts';
import type { Logger } from '../domain/logger.ts';
import type { Service } from '../domain/service.ts';
import {
  connect,
  newRedis,
  redisUnavailable,
  type RedisConnectionOptions,
} from '../lib/redis-connection.ts';
import type { NodeAnswer, NodeQuestion, NodeTopic } from './node-answers.ts';
import { redisKeys } from './redis-keys.ts';

/** A node that is alive says something each second, however long its work takes. */
const defaultPatienceMs = 5_000;

export interface AskOptions {
  /** A node that says nothing for so long is not waited for. */
  readonly patienceMs?: number;
  /** When it aborts, nobody is waited for any longer. */
  readonly signal?: AbortSignal;
  /** Called when a node has answered, well or badly. */
  readonly onSettled?: () => void;
}

export interface NodeReplies<A> {
  readonly answers: ReadonlyMap<NodeId, A>;
  readonly failures: ReadonlyMap<NodeId, HostError>;
  /** Those that said nothing, or had not finished. */
  readonly silentNodes: readonly NodeId[];
}

/** A gateway's end: asks nodes over channels of the fast Redis, and waits for those that are alive. */
export class NodeQuestions implements Service {
  readonly name = 'questions to nodes';
  readonly #logger: Logger;
  readonly #questions: string;
  readonly #answerTo: string;
  readonly #answers: Redis;
  readonly #commands: Redis;
  readonly #open = new Map<string, OpenQuestion>();

  constructor(options: RedisConnectionOptions) {
    const keys = redisKeys(options.keyPrefix);
    this.#questions = keys.questions;
    this.#answerTo = keys.answers(randomUUID());
    this.#logger = options.logger;
    this.#answers = newRedis(options, 'answers of nodes');
    this.#commands = newRedis(options, 'questions to nodes');
    this.#answers.on('message', (_channel: string, text: string) => this.#hear(text));
  }

  async start(signal: AbortSignal): Promise<void> {
    await Promise.all([connect(this.#answers, signal), connect(this.#commands, signal)]);
    this.#answers.on('ready', () => void this.#listen());
    await this.#listen();
  }

  async stop(): Promise<void> {
    for (const question of this.#open.values()) question.end();
    this.#answers.disconnect();
    this.#commands.disconnect();
  }

  /** `A` is what the nodes answer to this topic. @throws HostError `unavailable` when nobody can be asked. */
  async ask<A>(
    about: NodeTopic,
    body: object,
    to: readonly NodeId[],
    { patienceMs = defaultPatienceMs, signal, onSettled = () => {} }: AskOptions = {},
  ): Promise<NodeReplies<A>> {
    const open = new OpenQuestion(to, patienceMs, onSettled);
    if (to.length === 0) return open as NodeReplies<unknown> as NodeReplies<A>;
    const question: NodeQuestion = { id: randomUUID(), answerTo: this.#answerTo, about, body, to };
    const end = () => open.end();
    signal?.addEventListener('abort', end, { once: true });
    this.#open.set(question.id, open);
    try {
      await this.#commands.publish(this.#questions, JSON.stringify(question));
      await open.ended;
    } catch (cause) {
      throw redisUnavailable(cause);
    } finally {
      signal?.removeEventListener('abort', end);
      this.#open.delete(question.id);
      open.end();
    }
    return open as NodeReplies<unknown> as NodeReplies<A>;
  }

  async #listen(): Promise<void> {
    await this.#answers.subscribe(this.#answerTo).catch((error: unknown) => {
      this.#logger.warn({ error }, 'Answers of nodes are not heard.');
    });
  }

  #hear(text: string): void {
    const answer = JSON.parse(text) as NodeAnswer;
    this.#open.get(answer.question)?.hear(answer); // else it was too late
  }
}

/** A question under way: each node has its own time to say something. */
class OpenQuestion implements NodeReplies<unknown> {
  readonly answers = new Map<NodeId, unknown>();
  readonly failures = new Map<NodeId, HostError>();
  readonly silentNodes: NodeId[] = [];
  readonly ended: Promise<void>;
  readonly #end: () => void;
  readonly #waiting: Map<NodeId, NodeJS.Timeout>;
  readonly #onSettled: () => void;

  constructor(to: readonly NodeId[], patienceMs: number, onSettled: () => void) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#end = resolve;
    this.#onSettled = onSettled;
    this.#waiting = new Map(
      to.map((node) => [node, setTimeout(() => this.#giveUp(node), patienceMs)]),
    );
  }

  hear({ node, state, body, error }: NodeAnswer): void {
    if (!this.#waiting.has(node)) return;
    if (state === 'working') return void this.#waiting.get(node)?.refresh();
    if (error) this.failures.set(node, new HostError(error.code, error.reason, error.message));
    else this.answers.set(node, body);
    this.#settle(node);
    this.#onSettled();
  }

  /** Waits for nobody any more. Idempotent. */
  end(): void {
    for (const node of this.#waiting.keys()) this.#giveUp(node);
    this.#end();
  }

  #giveUp(node: NodeId): void {
    this.silentNodes.push(node);
    this.#settle(node);
  }

  #settle(node: NodeId): void {
    clearTimeout(this.#waiting.get(node));
    this.#waiting.delete(node);
    if (this.#waiting.size === 0) this.#end();
  }
}
