import { HostError } from '../domain/errors.ts';
import type { KeptAnswer } from '../domain/idempotency.ts';
import type { InvocationOutcome, ResponseHead } from '../domain/invocation.ts';
import { responseWindowBytes } from '../domain/limits.ts';
import type { ReplyListener, StartInfo } from '../domain/reply.ts';

/** What is kept of an answer: it fits what a worker may send before anyone has granted more. */
export const keptAnswerBytes = responseWindowBytes - 64 * 1024;

/** What becomes of the key of an invocation when it ends. */
export interface KeyKeeper {
  keep(answer: KeptAnswer | 'unkept'): Promise<void>;
  release(): Promise<void>;
}

/**
 * Holds an answer back until it is kept, so that a caller who asks again after any failure is told
 * the same. One that is too large goes its way, and only that it was there is kept.
 */
export class KeptReply implements ReplyListener {
  readonly #caller: ReplyListener;
  readonly #keeper: KeyKeeper;
  #held: (() => void)[] = [];
  #head: ResponseHead | undefined;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #passes = false;

  constructor(caller: ReplyListener, keeper: KeyKeeper) {
    this.#caller = caller;
    this.#keeper = keeper;
  }

  onHead(head: ResponseHead, info: StartInfo): void {
    this.#head = head;
    this.#hold(() => this.#caller.onHead(head, info));
  }

  onChunk(bytes: Uint8Array): void {
    this.#bytes += bytes.byteLength;
    if (!this.#passes) this.#chunks.push(bytes);
    this.#hold(() => this.#caller.onChunk(bytes));
    if (this.#bytes > keptAnswerBytes) this.#pass();
  }

  onEnd(result: InvocationOutcome | HostError, info: StartInfo): void {
    const tell = () => {
      this.#pass();
      this.#caller.onEnd(result, info);
    };
    // Whether or not it could be kept, the caller is told; the key is held until its time is up.
    this.#settle(result).then(tell, tell);
  }

  #settle(result: InvocationOutcome | HostError): Promise<void> {
    if (result instanceof HostError || result.kind === 'cancelled') return this.#keeper.release();
    if (this.#passes) return this.#keeper.keep('unkept');
    return this.#keeper.keep({
      outcome: result,
      body: Buffer.concat(this.#chunks),
      ...(this.#head ? { head: this.#head } : {}),
    });
  }

  #hold(tell: () => void): void {
    if (this.#passes) tell();
    else this.#held.push(tell);
  }

  #pass(): void {
    this.#passes = true;
    this.#chunks = [];
    for (const tell of this.#held.splice(0)) tell();
  }
}
