/** A DNS name in lower case with two labels at least; no address, as its last label has a letter first. */
export const hostNamePattern =
  '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$';

/**
 * Does the operator give this host to functions? `*.fn.example.com` stands for one label in place of
 * the star, as in certificates; other patterns for themselves.
 */
export function isFunctionHost(host: string, patterns: readonly string[]): boolean {
  if (patterns.length === 0) return false;
  const wildcard = `*${host.slice(host.indexOf('.'))}`;
  return patterns.some((pattern) => pattern === host || pattern === wildcard);
}
