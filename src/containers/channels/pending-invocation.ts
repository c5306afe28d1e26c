import type { FunctionError, InvocationRequest, ResponseHead } from '../../domain/invocation.ts';
import { logLimitBytes, responseWindowBytes } from '../../domain/limits.ts';
import type { ResponseListener } from '../../domain/sandbox.ts';
import type { ChannelInvocation } from '../../domain/sandbox-channel.ts';
import { LogLines } from '../log-lines.ts';

/** A connection that broke is explained better by how the process ended, if it ends so soon. */
const endOfProcessMs = 500;

/**
 * One invocation on a channel whose other end speaks HTTP: passes the answer on as it was granted,
 * and ends once. What it is told after its end is dropped.
 */
export class PendingInvocation implements ChannelInvocation {
  readonly request: InvocationRequest;
  readonly log: LogLines;
  readonly #listener: ResponseListener;
  readonly #settle: (error: FunctionError | undefined) => void;
  readonly #over = new AbortController();
  #windowBytes = responseWindowBytes;
  #onGrant = (): void => {};
  #brokenTimer: NodeJS.Timeout | undefined;
  #hasHead = false;

  constructor(
    request: InvocationRequest,
    listener: ResponseListener,
    settle: (error: FunctionError | undefined) => void,
  ) {
    this.request = request;
    this.#listener = listener;
    this.#settle = settle;
    this.log = new LogLines(logLimitBytes, (line) => listener.onLog(line));
  }

  /** Aborts when nothing more is wanted of it. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  get hasHead(): boolean {
    return this.#hasHead;
  }

  grant(bytes: number): void {
    this.#windowBytes += bytes;
    this.#onGrant();
  }

  close(): void {
    if (this.over.aborted) return;
    clearTimeout(this.#brokenTimer);
    this.#over.abort();
    this.log.flush();
    this.#onGrant();
  }

  head(head: ResponseHead): void {
    if (this.over.aborted) return;
    this.#hasHead = true;
    this.#listener.onHead(head);
  }

  /** Resolves when it has been passed on, which waits for grants; at once when it is over. */
  async chunk(bytes: Buffer): Promise<void> {
    for (let rest = bytes; rest.length > 0 && !this.over.aborted;) {
      if (this.#windowBytes <= 0) {
        await new Promise<void>((resolve) => (this.#onGrant = resolve));
        continue;
      }
      const piece = rest.subarray(0, this.#windowBytes);
      this.#windowBytes -= piece.length;
      this.#listener.onChunk(piece);
      rest = rest.subarray(piece.length);
    }
  }

  /**
   * With nothing after a complete answer, else with the error. What the process had written to its
   * standard streams by now is still read as this invocation's.
   */
  end(error?: FunctionError): void {
    setImmediate(() => {
      if (this.over.aborted) return;
      this.close();
      this.#settle(error);
    });
  }

  /** The other end has broken off. */
  broken(error: FunctionError): void {
    if (this.over.aborted || this.#brokenTimer) return;
    this.#brokenTimer = setTimeout(() => this.end(error), endOfProcessMs);
  }
}
