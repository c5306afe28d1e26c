import { Writable } from 'node:stream';
import { lambdaHead } from './lambda-result.mjs';

const streamingMark = Symbol.for('aws.lambda.runtime.handler.streaming');

/** Where a streaming Lambda handler writes its answer. The head goes out with the first bytes. */
export class LambdaResponseStream extends Writable {
  #responder;
  #head = lambdaHead(200, { 'content-type': 'application/octet-stream' });
  #isHeadSent = false;
  /** @type {PromiseWithResolvers<void>} */
  #answered = Promise.withResolvers();

  /** @param {import('./responder.mjs').Responder} responder */
  constructor(responder) {
    super({ highWaterMark: 64 * 1024 });
    this.#responder = responder;
    this.on('error', (error) => this.#answered.reject(error));
    this.on('close', () => this.#answered.reject(new Error('The response stream was destroyed.')));
    this.#answered.promise.catch(() => {}); // the handler may fail first
  }

  /** Settles when the whole answer is on its way. */
  get answered() {
    return this.#answered.promise;
  }

  /** A handler may return without having ended it, or while something still flows into it. */
  endUnlessPiped() {
    const isPiped = this.listenerCount('unpipe') > 0;
    if (!isPiped && !this.writableEnded) this.end();
  }

  /** @param {string} type */
  setContentType(type) {
    this.#head = lambdaHead(this.#head.status, { 'content-type': type });
  }

  /** @param {{ statusCode?: number, headers?: Record<string, unknown>, cookies?: string[] }} [metadata] */
  setHead({ statusCode = 200, headers, cookies } = {}) {
    this.#head = lambdaHead(statusCode, headers, cookies);
  }

  /**
   * @override
   * @param {Buffer} chunk
   * @param {BufferEncoding} _
   * @param {(error?: Error | null) => void} done
   */
  _write(chunk, _, done) {
    this.#sendHead();
    void this.#responder.write(chunk).finally(done);
  }

  /**
   * @override
   * @param {(error?: Error | null) => void} done
   */
  _final(done) {
    this.#sendHead();
    this.#responder.end();
    this.#answered.resolve();
    done();
  }

  #sendHead() {
    if (!this.#isHeadSent) this.#responder.head(this.#head);
    this.#isHeadSent = true;
  }
}

/** The global that streaming handlers of AWS Lambda expect. */
export const awslambda = {
  /** @param {Function} handler */
  streamifyResponse: (handler) => Object.assign(handler, { [streamingMark]: 'response' }),
  HttpResponseStream: {
    /**
     * @param {LambdaResponseStream} stream
     * @param {Parameters<LambdaResponseStream['setHead']>[0]} metadata
     */
    from: (stream, metadata) => {
      stream.setHead(metadata);
      return stream;
    },
  },
};

/** @param {Function} handler */
export function isStreaming(handler) {
  return streamingMark in handler;
}
