import { AsyncLocalStorage } from 'node:async_hooks';
import { fromHost, json, splitBody, splitGrant, splitInvoke, toHost } from './frames.mjs';
import { IncomingBody } from './incoming-body.mjs';
import { loadHandler } from './load.mjs';
import { Responder } from './responder.mjs';
import { describeLoadError, describeThrown } from './thrown.mjs';

/** @type {AsyncLocalStorage<Responder>} */
const current = new AsyncLocalStorage();

/** That of the invocation in which the code runs that asks. */
export const currentResponder = () => current.getStore();

const compiledPieceBytes = 128 * 1024;

/** What the host has one channel for: it binds the process to a function, then invokes that. */
export class Session {
  #channel;
  /** @type {Map<string, Responder>} */
  #underWay = new Map();
  /** @type {Map<string, IncomingBody>} */
  #bodies = new Map();
  /** @type {import('./load.mjs').InitMessage | undefined} */
  #bound;
  /** @type {import('./load.mjs').Handler | undefined} */
  #handler;
  #isLoading = false;
  /** @type {Buffer | undefined} */
  #compiled;

  /** @param {import('./channel.mjs').Channel} channel */
  constructor(channel) {
    this.#channel = channel;
  }

  /** Has it been told what to load? */
  get isBound() {
    return this.#bound !== undefined;
  }

  /**
   * @param {number} type
   * @param {Buffer} payload
   */
  receive(type, payload) {
    if (type === fromHost.invoke) this.#invoke(payload);
    else if (type === fromHost.grant) this.#grant(payload);
    else if (type === fromHost.body || type === fromHost.bodyEnd) this.#body(type, payload);
    else if (type === fromHost.init) void this.#init(JSON.parse(payload.toString()));
    else if (type === fromHost.compiled) this.#compiled = payload;
    else if (type === fromHost.compile) void this.#compile(JSON.parse(payload.toString()));
  }

  /**
   * The process is about to end with this error.
   * @param {{ type: string, message: string, stack?: string }} error
   * @param {Responder | undefined} culprit of the invocation that it came from, if that is known
   */
  failAll(error, culprit) {
    if (this.#isLoading) this.#channel.send(toHost.initFailed, json(error));
    const concerned = culprit && !culprit.isOver ? [culprit] : this.#underWay.values();
    for (const one of concerned) one.fail({ ...error, fatal: true });
  }

  /** @param {import('./load.mjs').InitMessage} message */
  async #init(message) {
    this.#bound = message;
    this.#isLoading = true;
    const compiled = this.#compiled;
    this.#compiled = undefined; // it would stay in memory for as long as the process
    try {
      const { handler, takesStreams } = await loadHandler(message, compiled);
      this.#handler = handler;
      this.#channel.send(toHost.ready, ...(takesStreams ? [json({ takesStreams })] : []));
    } catch (thrown) {
      this.#channel.send(toHost.initFailed, json(describeLoadError(thrown)));
    }
    this.#isLoading = false;
  }

  /**
   * Sends what the module is compiled to; the process is then of no other use.
   * @param {import('./load.mjs').InitMessage} message
   */
  async #compile(message) {
    this.#bound = message;
    const { compile } = await import('./compiled-code.mjs');
    const code = await compile(message.entry);
    for (let offset = 0; offset < code.length; offset += compiledPieceBytes) {
      const piece = code.subarray(offset, offset + compiledPieceBytes);
      this.#channel.send(toHost.compiled, piece);
    }
    this.#channel.send(toHost.ready);
  }

  /** @param {Buffer} payload */
  #invoke(payload) {
    const [bound, handler] = [this.#bound, this.#handler];
    if (!bound || !handler) return; // the host knows better
    const { id, head, body } = splitInvoke(payload);
    const { functionName, version, memoryBytes } = bound;
    const responder = new Responder(this.#channel, id);
    const key = id.toString('latin1');
    this.#underWay.set(key, responder);
    const incoming = head.body === 'stream' ? new IncomingBody(responder) : undefined;
    if (incoming) this.#bodies.set(key, incoming);
    void current.run(responder, async () => {
      try {
        await handler({
          responder,
          head,
          body,
          ...(incoming ? { stream: incoming.stream } : {}),
          functionName,
          version,
          memoryBytes,
        });
      } catch (thrown) {
        responder.fail(describeThrown(thrown));
      } finally {
        this.#underWay.delete(key);
        this.#bodies.delete(key);
      }
    });
  }

  /**
   * @param {number} type
   * @param {Buffer} payload
   */
  #body(type, payload) {
    const { id, piece } = splitBody(payload);
    const body = this.#bodies.get(id.toString('latin1'));
    if (type === fromHost.body) body?.push(piece);
    else body?.end();
  }

  /** @param {Buffer} payload */
  #grant(payload) {
    const { id, bytes } = splitGrant(payload);
    this.#underWay.get(id.toString('latin1'))?.grant(bytes);
  }
}
