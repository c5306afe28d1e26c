/**
 * What a client of AWS Lambda's API says of itself, where it does: a JSON document in base64.
 * @param {{ readonly trigger: string, readonly headers: readonly (readonly [string, string])[] }} head
 * @returns {unknown}
 */
export function clientContext({ trigger, headers }) {
  const [, encoded] = headers.find(([name]) => name === 'x-amz-client-context') ?? [];
  if (trigger !== 'event' || encoded === undefined) return undefined;
  try {
    return JSON.parse(Buffer.from(encoded, 'base64').toString());
  } catch {
    return undefined; // sent by another route, which does not look at it
  }
}
