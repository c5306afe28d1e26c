import { invalidResponse } from './thrown.mjs';

/** @typedef {import('./responder.mjs').ResponseHead} ResponseHead */

const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * What a Lambda handler returned for an HTTP request, as the HTTP response that AWS makes of it:
 * with a `statusCode` it is a whole response, else it is the body of one.
 * @param {any} result
 * @returns {{ head: ResponseHead, body: Buffer }}
 */
export function fromHttpResult(result) {
  if (typeof result === 'string') return { head: lambdaHead(200), body: Buffer.from(result) };
  if (result?.statusCode === undefined) return fromEventResult(result);
  const { statusCode, headers, cookies, body, isBase64Encoded } = result;
  return { head: lambdaHead(statusCode, headers, cookies), body: bodyOf(body, isBase64Encoded) };
}

/**
 * What a Lambda handler returned for an event: its JSON.
 * @param {unknown} result
 */
export function fromEventResult(result) {
  return { head: lambdaHead(200), body: jsonOf(result) };
}

/**
 * @param {unknown} statusCode
 * @param {Record<string, unknown> | null} [headers]
 * @param {unknown} [cookies]
 * @returns {ResponseHead}
 */
export function lambdaHead(statusCode, headers, cookies) {
  /** @type {[string, string][]} */
  const list = [];
  for (const [name, value] of Object.entries(headers ?? {})) {
    if (value === undefined || value === null) continue;
    for (const one of Array.isArray(value) ? value : [value]) list.push(checked(name, one));
  }
  if (!Array.isArray(cookies ?? [])) throw invalidResponse('cookies must be a list of strings');
  for (const cookie of /** @type {unknown[]} */ (cookies ?? [])) {
    list.push(checked('set-cookie', cookie));
  }
  if (!list.some(([name]) => name === 'content-type')) {
    list.push(['content-type', 'application/json']);
  }
  return { status: statusOf(statusCode), headers: list };
}

/** @param {unknown} statusCode a number, or one as text, as Lambda takes it */
function statusOf(statusCode) {
  const status = typeof statusCode === 'string' ? Number(statusCode) : statusCode;
  if (typeof status === 'number' && Number.isInteger(status) && status >= 200 && status <= 599) {
    return status;
  }
  throw invalidResponse('statusCode must be a whole number from 200 to 599');
}

/**
 * @param {string} name
 * @param {any} value
 * @returns {[string, string]}
 */
function checked(name, value) {
  if (!headerName.test(name)) throw invalidResponse(`"${name}" cannot be the name of a header`);
  if (typeof value === 'object' || !headerValue.test(String(value))) {
    throw invalidResponse(`header ${name} must be text without line breaks, in Latin-1`);
  }
  return [name.toLowerCase(), String(value)];
}

/**
 * @param {unknown} body
 * @param {unknown} isBase64
 */
function bodyOf(body, isBase64) {
  if (body === undefined || body === null) return Buffer.alloc(0);
  if (typeof body === 'string') return Buffer.from(body, isBase64 ? 'base64' : 'utf8');
  if (ArrayBuffer.isView(body)) {
    throw invalidResponse('for bytes return body.toString("base64") and isBase64Encoded: true');
  }
  return jsonOf(body);
}

/** @param {unknown} value */
function jsonOf(value) {
  try {
    return Buffer.from(JSON.stringify(value) ?? 'null');
  } catch (error) {
    const { message } = /** @type {Error} */ (error);
    throw invalidResponse(`it is not plain data that JSON can hold (${message})`);
  }
}
