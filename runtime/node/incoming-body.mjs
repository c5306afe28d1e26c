/** Grants are saved up to this, so that a body of small pieces does not send one for each. */
const grantStepBytes = 64 * 1024;

/**
 * A request's body that comes in pieces, for a function that reads it as a stream. At most 256 KiB
 * wait here: the host sends more only when some were taken.
 */
export class IncomingBody {
  #responder;
  /** @type {Uint8Array[]} */
  #pieces = [];
  #takenBytes = 0;
  #hasEnded = false;
  #isUnwanted = false;
  #onChange = () => {};

  /** @param {import('./responder.mjs').Responder} responder */
  constructor(responder) {
    this.#responder = responder;
    /** @type {ReadableStream<Uint8Array>} */
    this.stream = new ReadableStream(
      {
        pull: (controller) => this.#pull(controller),
        cancel: () => this.#cancel(),
      },
      { highWaterMark: 0 },
    );
  }

  /**
   * A copy is kept, as the piece is a view of what came over the channel.
   * @param {Buffer} piece
   */
  push(piece) {
    if (this.#isUnwanted) return;
    this.#pieces.push(new Uint8Array(piece));
    this.#onChange();
  }

  end() {
    this.#hasEnded = true;
    this.#onChange();
  }

  /** @param {ReadableStreamDefaultController<Uint8Array>} controller */
  async #pull(controller) {
    while (this.#pieces.length === 0 && !this.#hasEnded && !this.#isUnwanted) {
      await new Promise((resolve) => (this.#onChange = () => resolve(undefined)));
    }
    const piece = this.#pieces.shift();
    if (!piece) {
      if (!this.#isUnwanted) controller.close();
      return;
    }
    this.#takenBytes += piece.length;
    controller.enqueue(piece);
    if (this.#takenBytes < grantStepBytes) return;
    this.#responder.grantBody(this.#takenBytes);
    this.#takenBytes = 0;
  }

  #cancel() {
    this.#isUnwanted = true;
    this.#pieces = [];
    this.#onChange();
  }
}
