import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultAsyncSettings, type AsyncSettings } from '../../src/domain/async-settings.ts';
import type { AsyncInvocation, Attempt, AttemptResult } from '../../src/domain/event-queue.ts';
import {
  createEventQueueWorker,
  type EventQueueWorker,
  type EventQueueWorkerOptions,
} from '../../src/queue/index.ts';
import { recordOf, specOf } from './function-records.ts';
import { silentLogger } from './silent-logger.ts';
import { noTracing } from '../../src/domain/trace.ts';

/** A worker node of which a test plays only the running of attempts. */
export class ScriptedAttempts implements AsyncDisposable {
  readonly attempts: Attempt[] = [];
  /** What the function does. */
  script: (attempt: Attempt) => AttemptResult | Promise<AttemptResult> = () => answered('ok');
  capacity = 8;
  readonly #folder: string;
  readonly #options: Pick<EventQueueWorkerOptions, 'redis' | 'node'>;
  #worker: EventQueueWorker;

  private constructor(folder: string, options: Pick<EventQueueWorkerOptions, 'redis' | 'node'>) {
    this.#folder = folder;
    this.#options = options;
    this.#worker = this.#create();
  }

  static async start(socketPath: string, node = 'node-1'): Promise<ScriptedAttempts> {
    const folder = await mkdtemp(join(tmpdir(), 'hearth-worker-'));
    const worker = new ScriptedAttempts(folder, { redis: { path: socketPath }, node });
    await worker.#worker.service.start(AbortSignal.timeout(30_000));
    return worker;
  }

  /** Ends it as SIGTERM would; what still runs after the grace is handed back. */
  stop(grace: AbortSignal = AbortSignal.timeout(5_000)): Promise<void> {
    return this.#worker.service.stop(grace);
  }

  /** The same node once more, with its journal. */
  async restart(): Promise<void> {
    this.#worker = this.#create();
    await this.#worker.service.start(AbortSignal.timeout(30_000));
  }

  /** As when another node is lost. */
  adopt(node: string): Promise<void> {
    return this.#worker.adopt(node);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.service.stop(AbortSignal.abort());
    await rm(this.#folder, { recursive: true, force: true });
  }

  #create(): EventQueueWorker {
    return createEventQueueWorker({
      ...this.#options,
      keyPrefix: 'test',
      tracing: noTracing,
      logger: silentLogger,
      functions: { get: (name) => recordOf(specOf(name)) },
      journalPath: join(this.#folder, 'results.jsonl'),
      runner: {
        capacityFor: () => this.capacity,
        run: async (attempt) => {
          this.attempts.push(attempt);
          return await this.script(attempt);
        },
      },
    });
  }
}

export function answered(body: string, status = 200): AttemptResult {
  const response = { status, headers: [], body: Buffer.from(body) };
  return { outcome: { kind: 'ok' }, timings: { run: 1 }, start: 'warm', response };
}

export function failed(message: string): AttemptResult {
  const error = { type: 'Error', message };
  return { outcome: { kind: 'function_error', error }, timings: { run: 1 }, start: 'warm' };
}

export function invocationOf(
  id: string,
  changes: Partial<Omit<AsyncInvocation, 'settings'>> & {
    readonly settings?: Partial<AsyncSettings>;
  } = {},
): AsyncInvocation {
  return {
    functionName: 'hello',
    source: 'invoke',
    head: { trigger: 'event', method: 'POST', url: '/', headers: [], sourceIp: '127.0.0.1' },
    body: Buffer.from('{"n":1}'),
    ...changes,
    id,
    settings: { ...defaultAsyncSettings, backoffMs: 1, ...changes.settings },
  };
}
