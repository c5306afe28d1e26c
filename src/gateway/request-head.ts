import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { FunctionCaller } from '../domain/function-caller.ts';
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
  {
    hidesKey,
    trace,
    caller,
    isUpgrade,
  }: {
    readonly hidesKey: boolean;
    /** May the function change the protocol? */
    readonly isUpgrade: boolean;
    readonly trace: TraceContext | undefined;
    readonly caller?: FunctionCaller | undefined;
  },
): RequestHead {
  const isSecure = request.socket instanceof TLSSocket;
  // A function calls by a socket without an address, from the loopback of its sandbox.
  const sourceIp = (request.socket.remoteAddress ?? '127.0.0.1').replace(/^::ffff:/, '');
  const callerName = caller?.functionName;
  const facts = { sourceIp, isSecure, hidesKey, trace, callerName };
  return {
    trigger: route.trigger,
    method: request.method ?? 'GET',
    url: route.url,
    headers: forwardedHeaders(request.rawHeaders, facts),
    sourceIp,
    ...(isUpgrade ? { upgrade: request.headers.upgrade ?? '' } : {}),
    ...(caller ? { callDepth: caller.depth + 1 } : {}),
  };
}

interface ForwardingFacts {
  readonly sourceIp: string;
  readonly isSecure: boolean;
  readonly hidesKey: boolean;
  readonly trace?: TraceContext | undefined;
  /** The function that calls, where one does. */
  readonly callerName?: string | undefined;
}

/** Says which function calls. Only ever ours: what a caller sends under this name is dropped. */
const callerHeader = 'x-hearth-caller';

/**
 * The headers in their order, names in lower case, without those of the connection.
 * `x-forwarded-for` gets the peer at its end; `-proto` and `-host` stay as a proxy before us set
 * them. Like any header they are the caller's word: only the last address is certain. In a trace,
 * the function is told its place in it.
 */
export function forwardedHeaders(
  rawHeaders: readonly string[],
  { sourceIp, isSecure, hidesKey, trace, callerName }: ForwardingFacts,
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
  const replaced = new Set([callerHeader, ...own.map(([name]) => name)]);
  if (hidesKey) replaced.add('authorization');
  const headers = received.filter(
    ([name]) => !ends(name) && name !== 'expect' && !replaced.has(name),
  );
  headers.push(...own);
  if (callerName !== undefined) headers.push([callerHeader, callerName]);
  headers.push(['x-forwarded-for', [...forwardedFor, sourceIp].join(', ')]);
  if (!hasProto) headers.push(['x-forwarded-proto', isSecure ? 'https' : 'http']);
  if (!hasHost && host !== undefined) headers.push(['x-forwarded-host', host]);
  return headers;
}
