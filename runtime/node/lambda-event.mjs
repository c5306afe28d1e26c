const textTypes = /^(text\/.*|application\/(json|javascript|xml|.*\+json|.*\+xml))$/;
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/**
 * An HTTP request as the event of a Lambda function URL, payload format 2.0. Members that have
 * nothing to say are absent, not null.
 * @param {Pick<import('./load.mjs').Invocation, 'head' | 'body' | 'functionName'>} invocation
 */
export function toLambdaEvent({ head, body, functionName }) {
  const queryAt = head.url.indexOf('?');
  const rawPath = queryAt < 0 ? head.url : head.url.slice(0, queryAt);
  const rawQueryString = queryAt < 0 ? '' : head.url.slice(queryAt + 1);
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

/** @param {[string, string][]} list */
function joinedHeaders(list) {
  return joined(list.map(([name, value]) => [name.toLowerCase(), value]));
}

/** @param {string} query */
function joinedQuery(query) {
  return query === '' ? undefined : joined([...new URLSearchParams(query)]);
}

/**
 * Values of the same name with commas between them, cookies as they are in one header.
 * @param {[string, string][]} pairs
 * @returns {Record<string, string>}
 */
function joined(pairs) {
  /** @type {Map<string, string>} */
  const values = new Map(); // not an object, which has a "constructor" before anyone sends one
  for (const [name, value] of pairs) {
    const before = values.get(name);
    const separator = name === 'cookie' ? '; ' : ',';
    values.set(name, before === undefined ? value : before + separator + value);
  }
  return Object.fromEntries(values);
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
