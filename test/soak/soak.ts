import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isEnded } from '../../src/domain/invocation-record.ts';
import { createEventQueues } from '../../src/queue/index.ts';
import { startRedis } from '../support/redis.ts';
import { silentLogger } from '../support/silent-logger.ts';
import { alwaysFails } from './soak-rules.ts';
import { noTracing } from '../../src/domain/trace.ts';

export interface SoakOptions {
  /** Invocations that are accepted before the killing ends. */
  readonly count: number;
  readonly workers: number;
  readonly functions: number;
  /** The pause between two kills is anything up to this. */
  readonly killWithinMs: number;
  /** Then the killing ends, however few were accepted. */
  readonly acceptLimitMs: number;
  /** For all that was accepted to end, once nothing is killed any more. */
  readonly settleLimitMs: number;
  /** Is told every ten seconds how far it is. */
  readonly onProgress?: (line: string) => void;
}

export interface SoakReport {
  readonly accepted: number;
  readonly done: number;
  readonly deadLetters: number;
  /** Accepted, and not ended as it should: what must not be. */
  readonly wrong: readonly string[];
  readonly runs: number;
  /** Runs beyond the first of an attempt that counted. */
  readonly duplicates: number;
  readonly kills: { worker: number; gateway: number; redis: number };
}

const restartPauseMs = 100;
const progressMs = 10_000;

const program = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** A process that is started again, as its supervisor would, whenever it was killed. */
class Phoenix {
  readonly #args: readonly string[];
  readonly #onLine: (line: string) => void;
  #child: ChildProcess | undefined;
  #isOver = false;

  constructor(args: readonly string[], onLine: (line: string) => void = () => {}) {
    this.#args = args;
    this.#onLine = onLine;
  }

  start(): void {
    const child = spawn(process.execPath, [...this.#args], { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#child = child;
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line !== 'ready') this.#onLine(line);
    });
    // It also ends by itself, where Redis is away when it starts.
    child.once('close', () => {
      if (!this.#isOver) setTimeout(() => this.#isOver || this.start(), restartPauseMs);
    });
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.kill();
  }
}

/** Enqueues and runs while gateway, workers and Redis are killed at random, and counts what became of it. */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const folder = await mkdtemp(join(tmpdir(), 'hearth-soak-'));
  const redis = await startRedis({ durable: true });
  const runsPath = join(folder, 'runs');
  await writeFile(runsPath, '');
  const accepted = new Set<string>();
  const enough = Promise.withResolvers<void>();
  const limit = setTimeout(enough.resolve, options.acceptLimitMs);
  const { onProgress = () => {} } = options;
  const progress = setInterval(() => onProgress(`${accepted.size} accepted`), progressMs);
  const producer = new Phoenix(
    [program('soak-producer.ts'), redis.socketPath, String(options.functions)],
    (id) => {
      accepted.add(id);
      if (accepted.size >= options.count) enough.resolve();
    },
  );
  const workers = Array.from(
    { length: options.workers },
    (_, index) =>
      new Phoenix([
        program('soak-worker.ts'),
        redis.socketPath,
        `node-${index}`,
        join(folder, `journal-${index}`),
        runsPath,
      ]),
  );
  const queues = createEventQueues({
    redis: { path: redis.socketPath },
    keyPrefix: 'soak',
    tracing: noTracing,
    logger: silentLogger,
  });
  try {
    await queues.service.start(AbortSignal.timeout(10_000));
    for (const process of [producer, ...workers]) process.start();
    const kills = await killUntil(enough.promise, options, { producer, workers, redis });
    await producer.end();
    const wrong = await unsettled(queues, accepted, options.settleLimitMs);
    await Promise.all(workers.map((worker) => worker.end()));
    const runs = (await readFile(runsPath, 'utf8')).split('\n').filter((line) => line !== '');
    const deadLetters = [...accepted].filter(alwaysFails).length;
    const known = runs.filter((line) => accepted.has(line.split(' ')[0] ?? ''));
    const needed = accepted.size - deadLetters + deadLetters * 3;
    return {
      accepted: accepted.size,
      done: accepted.size - deadLetters - wrong.filter((id) => !alwaysFails(id)).length,
      deadLetters: deadLetters - wrong.filter(alwaysFails).length,
      wrong,
      runs: known.length,
      duplicates: known.length - needed,
      kills,
    };
  } finally {
    clearTimeout(limit);
    clearInterval(progress);
    await Promise.all([producer, ...workers].map((process) => process.end()));
    await queues.service.stop(AbortSignal.abort());
    await redis.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function killUntil(
  enough: Promise<void>,
  { killWithinMs }: SoakOptions,
  victims: {
    readonly producer: Phoenix;
    readonly workers: readonly Phoenix[];
    readonly redis: Awaited<ReturnType<typeof startRedis>>;
  },
): Promise<SoakReport['kills']> {
  const { producer, workers, redis } = victims;
  const kills = { worker: 0, gateway: 0, redis: 0 };
  const over = new AbortController();
  void enough.then(() => over.abort());
  while (!over.signal.aborted) {
    await Promise.race([enough, delay(Math.random() * killWithinMs)]);
    const dice = Math.random();
    if (dice < 0.5) {
      await workers[Math.floor(Math.random() * workers.length)]?.kill();
      kills.worker += 1;
    } else if (dice < 0.75) {
      await producer.kill();
      kills.gateway += 1;
    } else {
      await redis.kill();
      await redis.restart();
      kills.redis += 1;
    }
  }
  return kills;
}

/** Those that have not ended as they should within the limit. */
async function unsettled(
  queues: ReturnType<typeof createEventQueues>,
  accepted: ReadonlySet<string>,
  limitMs: number,
): Promise<readonly string[]> {
  const untilMs = Date.now() + limitMs;
  let open = [...accepted];
  for (;;) {
    const left: string[] = [];
    for (let from = 0; from < open.length; from += 500) {
      const page = open.slice(from, from + 500);
      const records = await Promise.all(page.map((id) => queues.records.get(id)));
      for (const [index, record] of records.entries()) {
        const id = page[index] ?? '';
        const expected = alwaysFails(id) ? 'dead_letter' : 'done';
        if (!record || !isEnded(record.state) || record.state !== expected) left.push(id);
      }
    }
    if (left.length === 0 || Date.now() > untilMs) return left;
    open = left;
    await delay(200);
  }
}
