const textTypes = /^(text\/.*|application\/(json|javascript|xml|.*\+json|.*\+xml))$/;
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/**
 * An HTTP request as the event of a Lambda function URL, payload format 2.0. Members that have
 * nothing to say are absent, not null.
 * @param {import('./invocation.mjs').Invocation} invocation
 */
export function toLambdaEvent({ head, body, functionName }) {
  const [rawPath = '/', rawQueryString = ''] = splitOnce(head.url, '?');
  const headers = joinedHeaders(head.headers);
  const cookies = headers['cookie']?.split('; ');
  const queryStringParameters = joinedQuery(rawQueryString);
  const domainName = headers['host'] ?? 'localhost';
  const now = new Date();
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath,
    rawQueryString,
    ...(cookies ? { cookies } : {}),
    headers,
    ...(queryStringParameters ? { queryStringParameters } : {}),
    requestContext: {
      accountId: 'anonymous',
      apiId: functionName,
      domainName,
      domainPrefix: domainName.split('.')[0],
      http: {
        method: head.method,
        path: rawPath,
        protocol: 'HTTP/1.1',
        sourceIp: head.sourceIp,
        userAgent: headers['user-agent'] ?? '',
      },
      requestId: head.id,
      routeKey: '$default',
      stage: '$default',
      time: clfTime(now),
      timeEpoch: now.getTime(),
    },
    ...bodyMembers(body, headers['content-type'] ?? ''),
  };
}

/**
 * @param {string} text
 * @param {string} separator
 */
function splitOnce(text, separator) {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/** @param {[string, string][]} list */
function joinedHeaders(list) {
  /** @type {Record<string, string>} */
  const headers = {};
  for (const [name, value] of list) {
    const key = name.toLowerCase();
    const separator = key === 'cookie' ? '; ' : ',';
    headers[key] = key in headers ? `${headers[key]}${separator}${value}` : value;
  }
  return headers;
}

/** @param {string} query */
function joinedQuery(query) {
  if (query === '') return undefined;
  /** @type {Record<string, string>} */
  const parameters = {};
  for (const [name, value] of new URLSearchParams(query)) {
    parameters[name] = name in parameters ? `${parameters[name]},${value}` : value;
  }
  return parameters;
}

/**
 * Text stays text; anything else, also bytes that are no UTF-8, is base64.
 * @param {Buffer} body
 * @param {string} contentType
 */
function bodyMembers(body, contentType) {
  if (body.length === 0) return { isBase64Encoded: false };
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  if (textTypes.test(type)) {
    try {
      const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
      return { body: text, isBase64Encoded: false };
    } catch {
      // not the text that it claims to be
    }
  }
  return { body: body.toString('base64'), isBase64Encoded: true };
}

/**
 * As in the common log format: 12/Mar/2020:19:03:58 +0000
 * @param {Date} date
 */
function clfTime(date) {
  const [day, clock] = date.toISOString().slice(0, 19).split('T');
  const [year, month, dayOfMonth] = (day ?? '').split('-');
  return `${dayOfMonth}/${months[Number(month) - 1]}/${year}:${clock} +0000`;
}
