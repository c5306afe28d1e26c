import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { HostError } from '../domain/errors.ts';
import type { AttemptResult } from '../domain/event-queue.ts';
import type { InvocationId } from '../domain/ids.ts';
import type { InvocationOutcome } from '../domain/invocation.ts';
import type { Service } from '../domain/service.ts';

/** A file of this size is begun anew, once nothing in it is needed or with what is. */
const rewriteBytes = 16 * 1024 * 1024;

interface Line {
  readonly id: InvocationId;
  readonly token: string;
  /** Absent: it has been reported. */
  readonly result?: EncodedResult;
}

type EncodedResult = Omit<AttemptResult, 'outcome' | 'response'> & {
  readonly outcome?: InvocationOutcome;
  readonly hostError?: Pick<HostError, 'code' | 'reason' | 'message'> & { retryAfterMs?: number };
  readonly response?: Omit<NonNullable<AttemptResult['response']>, 'body'> & {
    readonly base64: string;
  };
};

/**
 * Results of attempts that are not reported yet, in a file of the node: when the worker dies between
 * an attempt and its report, or Redis is away, nothing runs twice for it. It survives the process,
 * not a power cut: it is not synced.
 */
export class ResultJournal implements Service {
  readonly name = 'result journal';
  readonly #path: string;
  readonly #lines = new Map<InvocationId, Line>();
  #file: number | undefined;
  #bytes = 0;

  constructor(path: string) {
    this.#path = path;
  }

  async start(): Promise<void> {
    this.#file = openSync(this.#path, 'a+', 0o600);
    for (const text of readFileSync(this.#path, 'utf8').split('\n')) this.#load(text);
    this.#rewrite();
  }

  async stop(): Promise<void> {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  keep(id: InvocationId, token: string, result: AttemptResult): void {
    const line = { id, token, result: encode(result) };
    this.#lines.set(id, line);
    this.#append(line);
  }

  /** The result of exactly this attempt. */
  find(id: InvocationId, token: string): AttemptResult | undefined {
    const line = this.#lines.get(id);
    return line?.token === token && line.result ? decode(line.result) : undefined;
  }

  /** It has been reported, or is of no interest any more. */
  forget(id: InvocationId): void {
    const line = this.#lines.get(id);
    if (!line) return;
    this.#lines.delete(id);
    this.#append({ id, token: line.token });
    if (this.#bytes > rewriteBytes) this.#rewrite();
  }

  #append(line: Line): void {
    if (this.#file === undefined) return;
    this.#bytes += writeSync(this.#file, `${JSON.stringify(line)}\n`);
  }

  #load(text: string): void {
    try {
      const line = JSON.parse(text) as Line;
      if (line.result) this.#lines.set(line.id, line);
      else this.#lines.delete(line.id);
    } catch {
      // the last line of a process that was killed while it wrote: no result was reported by it
    }
  }

  #rewrite(): void {
    if (this.#file === undefined) return;
    ftruncateSync(this.#file);
    this.#bytes = 0;
    for (const line of this.#lines.values()) this.#append(line);
  }
}

function encode({ outcome, response, ...rest }: AttemptResult): EncodedResult {
  const { body, ...head } = response ?? {};
  return {
    ...rest,
    ...(outcome instanceof HostError ? { hostError: plainError(outcome) } : { outcome }),
    ...(response && body
      ? { response: { ...response, ...head, base64: Buffer.from(body).toString('base64') } }
      : {}),
  };
}

function decode({ outcome, hostError, response, ...rest }: EncodedResult): AttemptResult {
  const { base64 = '', ...head } = response ?? {};
  const error =
    hostError && new HostError(hostError.code, hostError.reason, hostError.message, hostError);
  return {
    ...rest,
    outcome: error ?? outcome ?? { kind: 'crashed' },
    ...(response
      ? { response: { ...response, ...head, body: Buffer.from(base64, 'base64') } }
      : {}),
  };
}

function plainError({ code, reason, message, retryAfterMs }: HostError) {
  return { code, reason, message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}
