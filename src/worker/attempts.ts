import { HostError } from '../domain/errors.ts';
import type { Attempt, AttemptResult, AttemptRunner } from '../domain/event-queue.ts';
import {
  chosenVersion,
  liveVersion,
  namedVersion,
  type FunctionSpec,
  type FunctionStore,
} from '../domain/function.ts';
import type { HeaderList } from '../domain/invocation.ts';
import { functionTraceHeaders, type TraceContext } from '../domain/trace.ts';
import type { InvocationRunner } from './invocation-runner.ts';
import { RecordedReply } from './recorded-reply.ts';

/** How long an attempt waits for a sandbox before it goes back into its queue, unspent. */
const leaseLimitMs = 30_000;

/** POLICY: of one function's asynchronous attempts on a node, so that it does not take all of it. */
const mostAtOnce = 64;

export interface AttemptsOptions {
  readonly functions: Pick<FunctionStore, 'get'>;
  readonly runner: Pick<InvocationRunner, 'run'>;
  /** Is this one of the function's nodes? Others leave its invocations to them. */
  readonly mayRun: (spec: FunctionSpec) => boolean;
}

/** Runs attempts of asynchronous invocations with the version that serves when they begin. */
export class Attempts implements AttemptRunner {
  readonly #options: AttemptsOptions;

  constructor(options: AttemptsOptions) {
    this.#options = options;
  }

  capacityFor(functionName: string): number {
    const record = this.#options.functions.get(functionName);
    if (!record) return mostAtOnce; // each of them ends at once
    const { spec } = liveVersion(record);
    if (!this.#options.mayRun(spec)) return 0;
    const { concurrency, scaling } = spec;
    return Math.min(concurrency * scaling.max, mostAtOnce);
  }

  async run(attempt: Attempt): Promise<AttemptResult> {
    const { functionName, qualifier } = attempt;
    const record = this.#options.functions.get(functionName);
    const wanted =
      record && qualifier !== undefined
        ? namedVersion(record, qualifier)
        : record && chosenVersion(record, Math.random());
    if (!wanted) return { outcome: noFunction(functionName, qualifier), timings: {} };
    const { digest: version, spec } = wanted;
    const nowMs = Date.now();
    const reply = new RecordedReply(attempt.cancelled);
    const { head, trace } = attempt;
    const request = {
      ...attempt,
      head: trace ? { ...head, headers: tracedHeaders(head.headers, trace) } : head,
      version,
      acceptedMs: nowMs,
      leaseUntilMs: nowMs + leaseLimitMs,
      deadlineMs: () => Date.now() + spec.timeoutMs,
    };
    await this.#options.runner.run(request, reply);
    return { ...(await reply.result), version };
  }
}

/** The function's own spans belong to this attempt, whatever the request said that led to it. */
function tracedHeaders(headers: HeaderList, trace: TraceContext): HeaderList {
  const own = functionTraceHeaders(trace);
  const replaced = new Set(own.map(([name]) => name));
  return [...headers.filter(([name]) => !replaced.has(name)), ...own];
}

function noFunction(name: string, qualifier: string | undefined): HostError {
  const what =
    qualifier === undefined ? `function "${name}"` : `version "${qualifier}" of "${name}"`;
  return new HostError('not_found', 'async.no_function', `There is no ${what} any more.`);
}
