import type { ListenOptions, NetConnectOpts } from 'node:net';

/** `unix:/path` or `tcp:host:port`, as node:net wants it. */
export function parseReplyAddress(address: string): NetConnectOpts & ListenOptions {
  if (address.startsWith('unix:')) return { path: address.slice('unix:'.length) };
  const match = /^tcp:(.+):(\d+)$/.exec(address);
  if (!match) throw new TypeError(`"${address}" is neither unix:/path nor tcp:host:port`);
  return { host: match[1] ?? '', port: Number(match[2]) };
}
