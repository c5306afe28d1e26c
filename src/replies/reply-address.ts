export type ReplyAddress =
  | { readonly path: string }
  | { readonly host: string; readonly port: number };

/** `unix:/path` or `tcp:host:port`. */
export function parseReplyAddress(address: string): ReplyAddress {
  if (address.startsWith('unix:')) return { path: address.slice('unix:'.length) };
  const match = /^tcp:(.+):(\d+)$/.exec(address);
  if (!match) throw new TypeError(`"${address}" is neither unix:/path nor tcp:host:port`);
  return { host: match[1] ?? '', port: Number(match[2]) };
}
