/**
 * Headers that concern one connection only (RFC 9110, section 7.6.1, and the older lists), and so
 * end here in both directions. Whatever `Connection` names belongs to them too.
 */
const always: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** `connection` is that header's value. The test wants names in lower case. */
export function hopByHop(connection: string | undefined): (name: string) => boolean {
  const tokens = connection?.toLowerCase().split(',') ?? [];
  const named = tokens.map((token) => token.trim()).filter((token) => !common.has(token));
  return named.length === 0
    ? (name) => always.has(name)
    : (name) => always.has(name) || named.includes(name);
}

/** Said of nearly every connection; they name no other header. */
const common: ReadonlySet<string> = new Set(['keep-alive', 'close', '']);
