import { invocationContext, traceparentOf } from './invocation-context.mjs';
import { chunkLimitBytes } from './responder.mjs';
import { invalidResponse } from './thrown.mjs';

const noBody = { body: new Uint8Array(0), rest: undefined };

/**
 * @typedef {import('./load.mjs').Invocation} Invocation
 * @typedef {(request: Request, env: object, ctx: object) => unknown} FetchFunction
 */

/**
 * Serves invocations by a function of the web standard: a Request in, a Response out. The
 * invocation ends when the body and all that was given to `waitUntil` have.
 * @param {FetchFunction} fetch
 * @param {Record<string, string>} env
 * @returns {import('./load.mjs').Handler}
 */
export function fetchHandler(fetch, env) {
  void globalThis.Request; // Node loads the web's classes at their first use, which takes 20 ms
  return async (invocation) => {
    /** @type {Promise<unknown>[]} */
    const pending = [];
    const context = invocationContext(invocation, (work) => {
      pending.push(Promise.resolve(work).catch((thrown) => console.error('waitUntil:', thrown)));
    });
    const response = await fetch(toRequest(invocation), env, {
      ...context,
      passThroughOnException: () => {}, // there is no origin to pass through to
    });
    if (!isResponse(response)) {
      throw invalidResponse('fetch must return a Response, such as new Response("text")');
    }
    await send(response, invocation.responder, pending);
  };
}

/** @param {Invocation} invocation */
function toRequest({ head, body, stream }) {
  if (head.trigger === 'event') {
    const headers = new Headers({ 'content-type': 'application/json' });
    const traceparent = traceparentOf(head);
    if (traceparent !== undefined) headers.set('traceparent', traceparent);
    return new Request('http://localhost/', { method: 'POST', headers, body: bytesOf(body) });
  }
  const headers = new Headers(head.headers);
  const scheme = headers.get('x-forwarded-proto') === 'https' ? 'https' : 'http';
  const origin = `${scheme}://${headers.get('host')}`;
  const canHaveBody = head.method !== 'GET' && head.method !== 'HEAD';
  const whole = body.length > 0 ? bytesOf(body) : null;
  return new Request(`${URL.canParse(origin) ? origin : 'http://localhost'}${head.url}`, {
    method: head.method,
    headers,
    body: canHaveBody ? (stream ?? whole) : null,
    ...(stream ? { duplex: 'half' } : {}),
  });
}

/**
 * A copy, since the body is a view of what came over the channel.
 * @param {Buffer} body
 */
const bytesOf = (body) => new Uint8Array(body);

/**
 * Also one of another copy of the class, as libraries bring it.
 * @param {unknown} value
 * @returns {value is Response}
 */
function isResponse(value) {
  return Object.prototype.toString.call(value) === '[object Response]';
}

/**
 * What is there within a turn of the event loop, if it is small and complete, goes in one frame
 * with the head; any other body goes as it comes.
 * @param {Response} response
 * @param {import('./responder.mjs').Responder} responder
 * @param {Promise<unknown>[]} pending
 */
async function send(response, responder, pending) {
  const head = { status: response.status, headers: headerList(response.headers) };
  const reader = response.body?.getReader();
  try {
    const { body, rest } = reader ? await readAhead(reader) : noBody;
    if (!rest && pending.length === 0) return await responder.respond(head, body);
    responder.head(head);
    await responder.write(body);
    for (let next = await rest; next && !next.done; next = await reader?.read()) {
      await responder.write(asBytes(next.value));
    }
  } catch (thrown) {
    reader?.cancel(thrown).catch(() => {}); // what it was is told already
    throw thrown;
  }
  while (pending.length > 0) await Promise.all(pending.splice(0));
  responder.end();
}

/**
 * What can be read within one turn. `rest` is the read still under way, none if that was all.
 * @param {ReadableStreamDefaultReader<unknown>} reader
 */
async function readAhead(reader) {
  /** @type {Promise<undefined>} */
  const turn = new Promise((resolve) => setImmediate(resolve, undefined));
  /** @type {Uint8Array[]} */
  const chunks = [];
  let bytes = 0;
  for (;;) {
    const reading = reader.read();
    reading.catch(() => {}); // whoever awaits `rest` hears of it
    const result = bytes > chunkLimitBytes ? undefined : await Promise.race([reading, turn]);
    if (!result) return { body: Buffer.concat(chunks), rest: reading };
    if (result.done) return { body: Buffer.concat(chunks), rest: undefined };
    const chunk = asBytes(result.value);
    chunks.push(chunk);
    bytes += chunk.length;
  }
}

/** @param {Headers} headers */
function headerList(headers) {
  const list = [...headers].filter(([name]) => name !== 'set-cookie');
  for (const cookie of headers.getSetCookie()) list.push(['set-cookie', cookie]);
  return list;
}

/** @param {unknown} chunk */
function asBytes(chunk) {
  if (chunk instanceof Uint8Array) return chunk;
  throw invalidResponse(
    'its body streams something other than bytes; pipe it through a TextEncoderStream',
  );
}
