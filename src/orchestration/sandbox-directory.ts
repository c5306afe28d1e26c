import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { NodeId } from '../domain/ids.ts';
import type { Logger } from '../domain/logger.ts';
import type { NodeDirectory } from '../domain/node.ts';
import type { SandboxCensus, SandboxDirectory, SandboxView } from '../domain/sandbox-view.ts';
import type { Service } from '../domain/service.ts';
import {
  connect,
  newRedis,
  redisUnavailable,
  type RedisConnectionOptions,
} from '../lib/redis-connection.ts';
import { redisKeys } from './redis-keys.ts';
import type { SandboxAnswer, SandboxQuestion } from './sandbox-answers.ts';

export interface SandboxDirectoryOptions extends RedisConnectionOptions {
  readonly nodes: Pick<NodeDirectory, 'live'>;
  readonly patienceMs?: number;
}

/** A node that is alive answers in milliseconds. */
const defaultPatienceMs = 2_000;

/** A question under way. */
interface Count {
  readonly missing: Set<NodeId>;
  readonly sandboxes: SandboxView[];
  readonly complete: () => void;
}

/** A gateway's end: asks all live nodes at once, and waits for each, but not for long. */
export class RedisSandboxDirectory implements SandboxDirectory, Service {
  readonly name = 'sandbox directory';
  readonly #options: SandboxDirectoryOptions;
  readonly #keys: ReturnType<typeof redisKeys>;
  readonly #logger: Logger;
  readonly #answerTo: string;
  readonly #answers: Redis;
  readonly #commands: Redis;
  readonly #counts = new Map<string, Count>();

  constructor(options: SandboxDirectoryOptions) {
    this.#options = options;
    this.#keys = redisKeys(options.keyPrefix);
    this.#logger = options.logger;
    this.#answerTo = this.#keys.sandboxAnswers(randomUUID());
    this.#answers = newRedis(options, 'answers about sandboxes');
    this.#commands = newRedis(options, 'questions about sandboxes');
    this.#answers.on('message', (_channel: string, text: string) => this.#add(text));
  }

  async start(signal: AbortSignal): Promise<void> {
    await Promise.all([connect(this.#answers, signal), connect(this.#commands, signal)]);
    this.#answers.on('ready', () => void this.#listen());
    await this.#listen();
  }

  async stop(): Promise<void> {
    this.#answers.disconnect();
    this.#commands.disconnect();
  }

  async list(idPrefix = ''): Promise<SandboxCensus> {
    const missing = new Set(this.#options.nodes.live().map(({ id }) => id));
    if (missing.size === 0) return { sandboxes: [], silentNodes: [] };
    const { promise, resolve: complete } = Promise.withResolvers<void>();
    const question: SandboxQuestion = { id: randomUUID(), answerTo: this.#answerTo, idPrefix };
    const count: Count = { missing, sandboxes: [], complete };
    const patience = new AbortController();
    this.#counts.set(question.id, count);
    try {
      await this.#commands.publish(this.#keys.sandboxQuestions, JSON.stringify(question));
      const { patienceMs = defaultPatienceMs } = this.#options;
      await Promise.race([promise, delay(patienceMs, undefined, { signal: patience.signal })]);
    } catch (cause) {
      throw redisUnavailable(cause);
    } finally {
      patience.abort();
      this.#counts.delete(question.id);
    }
    return { sandboxes: count.sandboxes, silentNodes: [...missing] };
  }

  async #listen(): Promise<void> {
    await this.#answers.subscribe(this.#answerTo).catch((error: unknown) => {
      this.#logger.warn({ error }, 'Answers about sandboxes are not heard.');
    });
  }

  #add(text: string): void {
    const { question, node, sandboxes } = JSON.parse(text) as SandboxAnswer;
    const count = this.#counts.get(question);
    if (!count) return; // it was too late
    for (const sandbox of sandboxes) count.sandboxes.push({ ...sandbox, node });
    count.missing.delete(node);
    if (count.missing.size === 0) count.complete();
  }
}
