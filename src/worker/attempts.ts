import { HostError } from '../domain/errors.ts';
import type { Attempt, AttemptResult, AttemptRunner } from '../domain/event-queue.ts';
import { liveVersion, type FunctionStore } from '../domain/function.ts';
import type { InvocationRunner } from './invocation-runner.ts';
import { RecordedReply } from './recorded-reply.ts';

/** How long an attempt waits for a sandbox before it goes back into its queue, unspent. */
const leaseLimitMs = 30_000;

/** POLICY: of one function's asynchronous attempts on a node, so that it does not take all of it. */
const mostAtOnce = 64;

export interface AttemptsOptions {
  readonly functions: Pick<FunctionStore, 'get'>;
  readonly runner: Pick<InvocationRunner, 'run'>;
}

/** Runs attempts of asynchronous invocations with the version that is live when they begin. */
export class Attempts implements AttemptRunner {
  readonly #options: AttemptsOptions;

  constructor(options: AttemptsOptions) {
    this.#options = options;
  }

  capacityFor(functionName: string): number {
    const record = this.#options.functions.get(functionName);
    if (!record) return mostAtOnce; // each of them ends at once
    const { concurrency, scaling } = liveVersion(record).spec;
    return Math.min(concurrency * scaling.max, mostAtOnce);
  }

  async run(attempt: Attempt): Promise<AttemptResult> {
    const record = this.#options.functions.get(attempt.functionName);
    if (!record) return { outcome: noFunction(attempt.functionName), timings: {} };
    const { digest: version, spec } = liveVersion(record);
    const nowMs = Date.now();
    const reply = new RecordedReply(attempt.cancelled);
    const request = {
      ...attempt,
      version,
      acceptedMs: nowMs,
      leaseUntilMs: nowMs + leaseLimitMs,
      deadlineMs: () => Date.now() + spec.timeoutMs,
    };
    await this.#options.runner.run(request, reply);
    return { ...(await reply.result), version };
  }
}

const noFunction = (name: string): HostError =>
  new HostError('not_found', 'async.no_function', `There is no function "${name}" any more.`);
