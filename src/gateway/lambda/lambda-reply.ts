import { HostError } from '../../domain/errors.ts';
import type { FunctionVersion } from '../../domain/function.ts';
import type { InvocationId } from '../../domain/ids.ts';
import type { InvocationOutcome, ResponseHead } from '../../domain/invocation.ts';
import { syncBodyLimitBytes } from '../../domain/limits.ts';
import type { LogStore } from '../../domain/log.ts';
import type { ReplyListener, StartInfo } from '../../domain/reply.ts';
import type { InvocationAnswer } from '../invocation-answer.ts';
import type { LambdaOperation } from '../invocation-route.ts';
import { eventMessage, eventStreamType } from './event-stream.ts';
import { lambdaFunctionError, type LambdaFunctionError } from './lambda-function-error.ts';
import { lambdaLogTail } from './lambda-log-tail.ts';

export interface LambdaReplyOptions {
  readonly id: InvocationId;
  readonly version: FunctionVersion;
  readonly answer: Pick<InvocationAnswer, keyof ReplyListener | 'took'>;
  /** Where the caller wants the end of them. */
  readonly logs: Pick<LogStore, 'read'> | undefined;
}

type Headers = [name: string, value: string][];

/** Tells what a worker replies in the words of an operation of AWS Lambda's API. */
export const lambdaReply = (operation: LambdaOperation, options: LambdaReplyOptions): LambdaReply =>
  operation === 'Invoke' ? new InvokeReply(options) : new StreamReply(options);

export abstract class LambdaReply implements ReplyListener {
  protected readonly options: LambdaReplyOptions;

  constructor(options: LambdaReplyOptions) {
    this.options = options;
  }

  abstract onHead(head: ResponseHead, info: StartInfo): void;
  abstract onChunk(bytes: Uint8Array): void;
  protected abstract finish(
    error: LambdaFunctionError | undefined,
    logTail: string | undefined,
    info: StartInfo,
  ): void;

  onEnd(result: InvocationOutcome | HostError, info: StartInfo): void {
    const { answer, id, version, logs } = this.options;
    if (result instanceof HostError || result.kind === 'cancelled') {
      return answer.onEnd(result, info);
    }
    const error = result.kind === 'ok' ? undefined : lambdaFunctionError(result, version.spec, id);
    if (!logs) return this.finish(error, undefined, info);
    lambdaLogTail(logs, { id, version, info }).then(
      (tail) => this.finish(error, tail, info),
      () => this.finish(error, undefined, info), // what the function did counts more
    );
  }

  /** It could be invoked; it was not. */
  dryRun(): void {
    const { answer } = this.options;
    answer.onHead({ status: 204, headers: this.headers() }, notRun);
    answer.onEnd({ kind: 'ok' }, notRun);
  }

  protected headers(): Headers {
    const { id, version } = this.options;
    return [
      ['x-amzn-requestid', id],
      ['x-amz-executed-version', String(version.number)],
    ];
  }
}

const notRun: StartInfo = { node: '', timings: {} };

/** Invoke: one JSON document, which headers say more about. */
class InvokeReply extends LambdaReply {
  #chunks: Uint8Array[] = [];
  #bytes = 0;

  onHead(): void {
    // It is sent only when the end is known.
  }

  onChunk(bytes: Uint8Array): void {
    this.#bytes += bytes.byteLength;
    if (this.#bytes <= syncBodyLimitBytes) this.#chunks.push(bytes);
    else this.#chunks = []; // it runs to its end all the same, as Lambda's do
    this.options.answer.took(bytes.byteLength);
  }

  protected finish(
    thrown: LambdaFunctionError | undefined,
    logTail: string | undefined,
    info: StartInfo,
  ): void {
    const { answer } = this.options;
    const error = thrown ?? (this.#bytes > syncBodyLimitBytes ? tooLarge() : undefined);
    const headers: Headers = [...this.headers(), ['content-type', 'application/json']];
    if (error) headers.push(['x-amz-function-error', 'Unhandled']);
    if (logTail !== undefined) headers.push(['x-amz-log-result', logTail]);
    answer.onHead({ status: 200, headers }, info);
    answer.onChunk(error ? json(error) : Buffer.concat(this.#chunks));
    answer.onEnd({ kind: 'ok' }, info);
  }
}

/** InvokeWithResponseStream: each chunk a message, and a last one that says how it ended. */
class StreamReply extends LambdaReply {
  #hasBegun = false;

  onHead(_head: ResponseHead, info: StartInfo): void {
    this.#hasBegun = true;
    const headers: Headers = [...this.headers(), ['content-type', eventStreamType]];
    this.options.answer.onHead({ status: 200, headers }, info);
  }

  onChunk(bytes: Uint8Array): void {
    const message = eventMessage('PayloadChunk', 'application/octet-stream', bytes);
    this.#send(message, bytes.byteLength);
  }

  protected finish(
    error: LambdaFunctionError | undefined,
    logTail: string | undefined,
    info: StartInfo,
  ): void {
    if (!this.#hasBegun) this.onHead(notUsed, info);
    const end = {
      ...(error ? { ErrorCode: 'Unhandled', ErrorDetails: JSON.stringify(error) } : {}),
      ...(logTail === undefined ? {} : { LogResult: logTail }),
    };
    this.#send(eventMessage('InvokeComplete', 'application/json', json(end)), 0);
    this.options.answer.onEnd({ kind: 'ok' }, info);
  }

  /** What is written beside the worker's own bytes is not to be granted again. */
  #send(message: Buffer, workerBytes: number): void {
    this.options.answer.took(workerBytes - message.length);
    this.options.answer.onChunk(message);
  }
}

/** Callers are told that it was invoked, whatever the function's own head says. */
const notUsed: ResponseHead = { status: 200, headers: [] };

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

const tooLarge = (): LambdaFunctionError => ({
  errorType: 'Function.ResponseSizeTooLarge',
  errorMessage: `Response payload size exceeded maximum allowed payload size (${syncBodyLimitBytes} bytes).`,
});
