import { HostError } from '../domain/errors.ts';
import type { BodyStream, InvocationOutcome, ResponseHead } from '../domain/invocation.ts';
import { requestWindowBytes } from '../domain/limits.ts';
import type { ReplyStream, StartInfo } from '../domain/reply.ts';
import { PieceQueue } from '../lib/piece-queue.ts';
import type { FrameLink } from './frame-link.ts';
import { encodeEnd, encodeJson, frame, pieceBytes, uint32 } from './reply-frames.ts';

/** Grants are saved up to this, so that a body of small pieces does not send one for each. */
const grantStepBytes = requestWindowBytes / 4;

/** What has not been sent yet because its end may still come in this turn. */
interface Gathered {
  readonly head: ResponseHead;
  readonly info: StartInfo;
  readonly chunks: Uint8Array[];
  bytes: number;
}

/** One invocation's way back. Head, chunks and a good end of one turn travel as one frame. */
export class OutgoingReply implements ReplyStream {
  readonly #link: FrameLink;
  readonly #id: Buffer;
  readonly #onOver: () => void;
  readonly #cancelled = new AbortController();
  #onGrant: (bytes: number) => void = () => {};
  #body: PieceQueue | undefined;
  #gathered: Gathered | undefined;
  #isOver = false;

  constructor(link: FrameLink, id: Buffer, onOver: () => void) {
    this.#link = link;
    this.#id = id;
    this.#onOver = onOver;
  }

  get cancelled(): AbortSignal {
    return this.#cancelled.signal;
  }

  onGrant(listener: (bytes: number) => void): void {
    this.#onGrant = listener;
  }

  head(head: ResponseHead, info: StartInfo): void {
    if (this.#isOver) return;
    this.#gathered = { head, info, chunks: [], bytes: 0 };
    setImmediate(() => this.#flush());
  }

  chunk(bytes: Uint8Array): void {
    if (this.#isOver) return;
    const gathered = this.#gathered;
    if (gathered && gathered.bytes + bytes.length <= pieceBytes) {
      gathered.chunks.push(bytes);
      gathered.bytes += bytes.length;
    } else {
      this.#flush();
      this.#sendChunk(bytes);
    }
  }

  end(result: InvocationOutcome | HostError, info: StartInfo): void {
    if (this.#isOver) return;
    const gathered = this.#gathered;
    if (gathered && !(result instanceof HostError) && result.kind === 'ok') {
      this.#gathered = undefined;
      const head = encodeJson({ head: gathered.head, info });
      this.#link.send(frame.answer, this.#id, uint32(head.length), head, ...gathered.chunks);
    } else {
      this.#flush();
      this.#link.send(frame.end, this.#id, encodeEnd(result, info));
    }
    this.#over();
    void this.#body?.return();
  }

  /** At most `requestWindowBytes` of it wait here. */
  openBody(): BodyStream {
    let owedBytes = requestWindowBytes;
    const body = new PieceQueue({
      onTaken: (bytes) => {
        owedBytes += bytes;
        if (owedBytes < grantStepBytes) return;
        this.#link.send(frame.bodyGrant, this.#id, uint32(owedBytes));
        owedBytes = 0;
      },
    });
    this.#body = body;
    if (this.cancelled.aborted) body.fail(this.cancelled.reason);
    return body;
  }

  /** A frame of the gateway's about this invocation. */
  received(type: number, content: Buffer): void {
    switch (type) {
      case frame.grant:
        return this.#onGrant(content.readUInt32BE(0));
      case frame.cancel:
        return this.lost();
      case frame.body:
        return this.#body?.push(content);
      case frame.bodyEnd:
        return this.#body?.end();
      default:
        throw new TypeError(`a gateway sent a frame of the unknown type ${type}`);
    }
  }

  /** The caller is gone, or the gateway is. */
  lost(): void {
    this.#over();
    this.#cancelled.abort();
    this.#body?.fail(this.cancelled.reason);
  }

  #over(): void {
    this.#isOver = true;
    this.#gathered = undefined;
    this.#onOver();
  }

  #flush(): void {
    const gathered = this.#gathered;
    if (!gathered) return;
    this.#gathered = undefined;
    const { head, info } = gathered;
    this.#link.send(frame.head, this.#id, encodeJson({ head, info }));
    for (const chunk of gathered.chunks) this.#sendChunk(chunk);
  }

  #sendChunk(bytes: Uint8Array): void {
    for (let offset = 0; offset < bytes.length; offset += pieceBytes) {
      this.#link.send(frame.chunk, this.#id, bytes.subarray(offset, offset + pieceBytes));
    }
  }
}
