import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import { functionTraceHeaders, type TraceContext } from '../domain/trace.ts';
import type { HeaderList, RequestHead } from '../domain/invocation.ts';
import { hopByHop } from './hop-by-hop.ts';
import type { InvocationRoute } from './invocation-route.ts';

/**
 * A request as its function sees it. `hidesKey`: the key was for Hearth; a function that saw it
 * could act as its owner.
 */
export function requestHead(
  request: IncomingMessage,
  route: InvocationRoute,
  { hidesKey, trace }: { readonly hidesKey: boolean; readonly trace: TraceContext | undefined },
): RequestHead {
  const isSecure = request.socket instanceof TLSSocket;
  const sourceIp = (request.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  return {
    trigger: route.trigger,
    method: request.method ?? 'GET',
    url: route.url,
    headers: forwardedHeaders(request.rawHeaders, { sourceIp, isSecure, hidesKey, trace }),
    sourceIp,
  };
}

interface ForwardingFacts {
  readonly sourceIp: string;
  readonly isSecure: boolean;
  readonly hidesKey: boolean;
  readonly trace?: TraceContext | undefined;
}

/**
 * The headers in their order, names in lower case, without those of the connection.
 * `x-forwarded-for` gets the peer at its end; `-proto` and `-host` stay as a proxy before us set
 * them. Like any header they are the caller's word: only the last address is certain. In a trace,
 * the function is told its place in it.
 */
export function forwardedHeaders(
  rawHeaders: readonly string[],
  { sourceIp, isSecure, hidesKey, trace }: ForwardingFacts,
): HeaderList {
  const received: (readonly [string, string])[] = [];
  const forwardedFor: string[] = [];
  let connection: string | undefined;
  let host: string | undefined;
  let hasProto = false;
  let hasHost = false;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] as string).toLowerCase();
    const value = rawHeaders[index + 1] as string;
    if (name === 'x-forwarded-for') {
      forwardedFor.push(value);
      continue;
    }
    if (name === 'connection') connection = connection ? `${connection},${value}` : value;
    else if (name === 'host') host = value;
    else if (name === 'x-forwarded-proto') hasProto = true;
    else if (name === 'x-forwarded-host') hasHost = true;
    received.push([name, value]);
  }
  const ends = hopByHop(connection);
  const own = trace ? functionTraceHeaders(trace) : [];
  const replaced = new Set(own.map(([name]) => name));
  if (hidesKey) replaced.add('authorization');
  const headers = received.filter(
    ([name]) => !ends(name) && name !== 'expect' && !replaced.has(name),
  );
  headers.push(...own);
  headers.push(['x-forwarded-for', [...forwardedFor, sourceIp].join(', ')]);
  if (!hasProto) headers.push(['x-forwarded-proto', isSecure ? 'https' : 'http']);
  if (!hasHost && host !== undefined) headers.push(['x-forwarded-host', host]);
  return headers;
}
