import { RuntimeError } from './thrown.mjs';

/** @typedef {import('./responder.mjs').ResponseHead} ResponseHead */

const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/**
 * What a Lambda handler returned for an HTTP request, as the HTTP response that AWS makes of it:
 * with a `statusCode` it is a whole response, else it is the body of one.
 * @param {any} result
 * @returns {{ head: ResponseHead, body: Buffer }}
 */
export function fromLambdaResult(result) {
  if (typeof result !== 'object' || result === null || result.statusCode === undefined) {
    const text = typeof result === 'string' ? result : (JSON.stringify(result) ?? 'null');
    return {
      head: { status: 200, headers: [['content-type', 'application/json']] },
      body: Buffer.from(text),
    };
  }
  const { statusCode, headers, cookies, body, isBase64Encoded } = result;
  return { head: lambdaHead(statusCode, headers, cookies), body: bodyOf(body, isBase64Encoded) };
}

/**
 * @param {unknown} statusCode
 * @param {Record<string, unknown> | null | undefined} headers
 * @param {unknown} cookies
 * @returns {ResponseHead}
 */
export function lambdaHead(statusCode, headers, cookies) {
  const status = Number(statusCode);
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw invalid(`statusCode must be a whole number from 200 to 599, not ${String(statusCode)}`);
  }
  /** @type {[string, string][]} */
  const list = [];
  for (const [name, value] of Object.entries(headers ?? {})) {
    if (!headerName.test(name)) throw invalid(`"${name}" is not the name of a header`);
    if (value !== undefined && value !== null) list.push([name.toLowerCase(), String(value)]);
  }
  if (cookies !== undefined && cookies !== null) {
    if (!Array.isArray(cookies)) throw invalid('cookies must be a list of strings');
    for (const cookie of cookies) list.push(['set-cookie', String(cookie)]);
  }
  if (!list.some(([name]) => name === 'content-type')) {
    list.push(['content-type', 'application/json']);
  }
  return { status, headers: list };
}

/**
 * @param {unknown} body
 * @param {unknown} isBase64
 */
function bodyOf(body, isBase64) {
  if (body === undefined || body === null) return Buffer.alloc(0);
  if (typeof body === 'string') return Buffer.from(body, isBase64 ? 'base64' : 'utf8');
  return Buffer.from(JSON.stringify(body) ?? '');
}

/** @param {string} why */
function invalid(why) {
  return new RuntimeError(
    'Runtime.InvalidResponse',
    `The response of the handler is not valid: ${why}.`,
  );
}
