import type { IncomingMessage, ServerResponse } from 'node:http';
import { HostError } from '../domain/errors.ts';
import type { BodyStream } from '../domain/invocation.ts';
import { streamedBodyLimitBytes, syncBodyLimitBytes } from '../domain/limits.ts';
import { PieceQueue } from '../lib/piece-queue.ts';
import { formatBytes } from '../lib/units.ts';

/** Bodies of all invocations under way together; some hundred of the largest at once. */
const heldLimitBytes = 512 * 1024 * 1024;

const empty = Buffer.alloc(0);

/** Reads requests' bodies, whole or as streams, and bounds what one and what all of them may hold. */
export class RequestBodies {
  readonly #limitBytes: number;
  readonly #heldLimitBytes: number;
  #heldBytes = 0;

  constructor(limitBytes = syncBodyLimitBytes, heldLimit = heldLimitBytes) {
    this.#limitBytes = limitBytes;
    this.#heldLimitBytes = heldLimit;
  }

  /** Is the body too long to be held, or of a length that nobody knows yet? */
  isLong({ headers }: IncomingMessage): boolean {
    return (
      headers['transfer-encoding'] !== undefined ||
      Number(headers['content-length'] ?? 0) > this.#limitBytes
    );
  }

  /**
   * The body as it comes: the caller sends no faster than it is taken. It fails with `too_large` past
   * the limit, and with `cancelled` when the caller leaves before the end.
   * @throws HostError `too_large` where the declared length is over the limit.
   */
  stream(request: IncomingMessage, response: ServerResponse): BodyStream {
    const limitBytes = streamedBodyLimitBytes;
    if (Number(request.headers['content-length']) > limitBytes) throw tooLarge(limitBytes);
    let bytes = 0;
    let hasBegun = false;
    const begin = () => {
      hasBegun = true;
      sayContinue(request, response);
      request.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (!body.isStopped) request.pause(); // until it has been taken
        if (bytes > limitBytes) body.fail(tooLarge(limitBytes));
        else body.push(chunk);
      });
      request.once('end', () => body.end());
      request.once('close', () => body.fail(callerLeft()));
    };
    const body = new PieceQueue({
      onTaken: () => {
        if (!hasBegun) begin();
        request.resume();
      },
    });
    return body;
  }

  /**
   * The body is counted as held until the response closes. What a refused caller still sends is
   * thrown away, so that it gets to read the answer; the server's request timeout bounds that.
   * @throws HostError `too_large`, at once where the length is declared; `unavailable` when too
   *   much is held already; `cancelled` when the caller leaves before the end.
   */
  async read(request: IncomingMessage, response: ServerResponse): Promise<Buffer> {
    const { 'content-length': declared, 'transfer-encoding': encoding } = request.headers;
    if (encoding === undefined && (declared === undefined || declared === '0')) return empty;
    if (Number(declared) > this.#limitBytes) throw tooLarge(this.#limitBytes);
    sayContinue(request, response);
    return await this.#collect(request, response);
  }

  #collect(request: IncomingMessage, response: ServerResponse): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.once('close', () => {
        this.#heldBytes -= bytes;
      });
      const refuse = (error: HostError) => {
        request.off('data', onData).resume();
        chunks.length = 0;
        reject(error);
      };
      const onData = (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        this.#heldBytes += chunk.length;
        if (bytes > this.#limitBytes) refuse(tooLarge(this.#limitBytes));
        else if (this.#heldBytes > this.#heldLimitBytes) refuse(bodiesFull());
      };
      request.on('data', onData);
      request.once('end', () => resolve(Buffer.concat(chunks, bytes)));
      request.once('close', () => reject(callerLeft()));
    });
  }
}

/** Who asks first (RFC 9110, section 10.1.1) hears that the body is wanted only when it is. */
function sayContinue({ headers, httpVersion }: IncomingMessage, response: ServerResponse): void {
  if (headers.expect !== undefined && httpVersion === '1.1') response.writeContinue();
}

const tooLarge = (limitBytes: number): HostError =>
  new HostError(
    'too_large',
    'gateway.body_too_large',
    `The body is larger than ${formatBytes(limitBytes)}, the limit of an invocation.`,
  );

const bodiesFull = (): HostError =>
  new HostError(
    'unavailable',
    'gateway.bodies_full',
    'The gateway holds as many request bodies as it can; try again in a moment.',
    { retryAfterMs: 1_000 },
  );

const callerLeft = (): HostError =>
  new HostError('cancelled', 'gateway.caller_left', 'The caller left while sending the body.');
