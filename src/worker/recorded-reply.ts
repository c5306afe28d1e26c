import { HostError } from '../domain/errors.ts';
import type { AttemptResult } from '../domain/event-queue.ts';
import type { InvocationOutcome, ResponseHead } from '../domain/invocation.ts';
import { asyncBodyLimitBytes } from '../domain/limits.ts';
import type { ReplyStream, StartInfo } from '../domain/reply.ts';
import { formatBytes } from '../lib/units.ts';

/** An answer that nobody waits for: it is gathered whole, to be recorded. */
export class RecordedReply implements ReplyStream {
  readonly cancelled: AbortSignal;
  readonly #ended = Promise.withResolvers<AttemptResult>();
  readonly #tooLarge = new AbortController();
  #head: ResponseHead | undefined;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #grant: (bytes: number) => void = () => {};

  /** What runs stops when the signal aborts, or when it answers more than can be kept. */
  constructor(cancelled: AbortSignal) {
    this.cancelled = AbortSignal.any([cancelled, this.#tooLarge.signal]);
  }

  get result(): Promise<AttemptResult> {
    return this.#ended.promise;
  }

  head(head: ResponseHead): void {
    this.#head = head;
  }

  chunk(bytes: Uint8Array): void {
    this.#bytes += bytes.byteLength;
    if (this.#bytes > asyncBodyLimitBytes) {
      this.#chunks = [];
      this.#tooLarge.abort();
      return;
    }
    this.#chunks.push(bytes);
    this.#grant(bytes.byteLength);
  }

  end(result: InvocationOutcome | HostError, { timings, start }: StartInfo): void {
    const outcome = this.#tooLarge.signal.aborted ? answerTooLarge() : result;
    const isAnswered = this.#head && !(outcome instanceof HostError) && outcome.kind === 'ok';
    this.#ended.resolve({
      outcome,
      timings,
      ...(start === undefined ? {} : { start }),
      ...(isAnswered && this.#head
        ? { response: { ...this.#head, body: Buffer.concat(this.#chunks) } }
        : {}),
    });
  }

  openBody(): never {
    throw new TypeError('the body of an asynchronous invocation is stored with it');
  }

  onGrant(listener: (bytes: number) => void): void {
    this.#grant = listener;
  }
}

/** A dead letter at once: the next attempt would answer as much. */
const answerTooLarge = (): HostError =>
  new HostError(
    'too_large',
    'async.answer_too_large',
    `The function answered with more than ${formatBytes(asyncBodyLimitBytes)}, the limit of an asynchronous invocation.`,
  );
