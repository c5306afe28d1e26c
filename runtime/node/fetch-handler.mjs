const smallBodyBytes = 64 * 1024;

/**
 * @typedef {import('./invocation.mjs').Invocation} Invocation
 * @typedef {(request: Request, env: object, ctx: object) => unknown} FetchFunction
 */

/**
 * Serves invocations by a function of the web standard: a Request in, a Response out.
 * @param {FetchFunction} fetch
 * @param {Record<string, string>} env
 * @returns {import('./invocation.mjs').Handler}
 */
export function fetchHandler(fetch, env) {
  return async (invocation) => {
    /** @type {Promise<unknown>[]} */
    const pending = [];
    const context = {
      invocationId: invocation.head.id,
      functionName: invocation.functionName,
      deadlineMs: invocation.head.deadlineMs,
      waitUntil: (/** @type {Promise<unknown>} */ promise) => void pending.push(promise),
      passThroughOnException: () => {}, // there is no origin to pass through to
    };
    const response = await fetch(toRequest(invocation), env, context);
    if (!(response instanceof Response)) {
      throw new TypeError(`fetch must return a Response, not ${describe(response)}`);
    }
    await send(response, invocation.responder, pending);
  };
}

/** @param {Invocation} invocation */
function toRequest({ head, body }) {
  const headers = new Headers(head.headers);
  const host = headers.get('host') ?? 'localhost';
  const scheme = headers.get('x-forwarded-proto') === 'https' ? 'https' : 'http';
  const hasBody = head.method !== 'GET' && head.method !== 'HEAD';
  return new Request(`${scheme}://${host}${head.url}`, {
    method: head.method,
    headers,
    body: hasBody ? new Uint8Array(body) : null,
  });
}

/**
 * A small body that is already complete goes in one frame with its head; a streamed one goes as it
 * comes. With `waitUntil` work pending the end of the answer waits for it, but not the body.
 * @param {Response} response
 * @param {import('./responder.mjs').Responder} responder
 * @param {Promise<unknown>[]} pending
 */
async function send(response, responder, pending) {
  const head = { status: response.status, headers: headerList(response.headers) };
  const reader = response.body?.getReader();
  const first = await reader?.read();
  const body = asBytes(first?.value);
  const second = reader && first && !first.done ? soonOrLater(reader.read()) : undefined;
  const isWhole = second === undefined || (await second.soon)?.done === true;
  if (isWhole && body.length <= smallBodyBytes && pending.length === 0) {
    return await responder.respond(head, body);
  }
  responder.head(head);
  await responder.write(body);
  for (let next = await second?.later; next && !next.done; next = await reader?.read()) {
    await responder.write(asBytes(next.value));
  }
  while (pending.length > 0) await Promise.allSettled(pending.splice(0));
  responder.end();
}

/**
 * `soon` is the result if it is there within the turn, without waiting for it longer.
 * @template T
 * @param {Promise<T>} promise
 */
function soonOrLater(promise) {
  promise.catch(() => {}); // whoever awaits `later` hears of it
  const thisTurn = new Promise((resolve) => setImmediate(resolve, undefined));
  return { soon: Promise.race([promise.catch(() => undefined), thisTurn]), later: promise };
}

/** @param {Headers} headers */
function headerList(headers) {
  const list = [...headers].filter(([name]) => name !== 'set-cookie');
  for (const cookie of headers.getSetCookie()) list.push(['set-cookie', cookie]);
  return list;
}

/** @param {unknown} chunk */
function asBytes(chunk) {
  if (chunk === undefined) return new Uint8Array(0);
  if (chunk instanceof Uint8Array) return chunk;
  throw new TypeError(`a Response streams Uint8Arrays, not ${describe(chunk)}`);
}

/** @param {unknown} value */
function describe(value) {
  return value === null ? 'null' : typeof value;
}
