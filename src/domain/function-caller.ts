import { isName } from './ids.ts';
import type { CallContext } from './network.ts';
import { can, type Principal } from './principal.ts';

/** A function that calls another one, on the word of the worker that runs it. */
export interface FunctionCaller extends CallContext {
  readonly functionName: string;
  /** Functions that it may call; `*` in one is any text. */
  readonly calls: readonly string[];
  /** Private networks that it is on: it may call the other functions on them. */
  readonly networks: readonly string[];
}

/** What stands for all functions in `<name>.fn.internal`; no private network has this name. */
export const everyFunction = 'fn';

/** Calls of functions by functions, one for the other: past it they are taken for an endless loop. */
export const callDepthLimit = 16;

const internalDomain = '.internal';

/**
 * What a host name in lower case means inside sandboxes: a function, or a member of a private
 * network. Undefined: it is no name of ours.
 */
export function internalName(
  hostName: string,
): { readonly name: string; readonly network: string } | undefined {
  if (!hostName.endsWith(internalDomain)) return undefined;
  const [name = '', network = '', ...more] = hostName.slice(0, -internalDomain.length).split('.');
  return isName(name) && isName(network) && more.length === 0 ? { name, network } : undefined;
}

/**
 * Who calls a function, where it may: by its own settings, or on a network that both are on. Its
 * id is that of no key: those have no colon.
 */
export function callingPrincipal(
  { functionName, calls, networks }: FunctionCaller,
  called: { readonly name: string; readonly network: string },
  networksOfCalled: readonly string[] = [],
): Principal | undefined {
  const { name, network } = called;
  const id = `function:${functionName}`;
  const isAllowed =
    network === everyFunction
      ? can({ id, scopes: calls.map((pattern) => ({ action: 'invoke', pattern })) }, 'invoke', name)
      : networks.includes(network) && networksOfCalled.includes(network);
  return isAllowed ? { id, scopes: [{ action: 'invoke', pattern: name }] } : undefined;
}

/** What a worker sends first on a connection of a function to the gateway. */
export const callerLine = (caller: FunctionCaller): string => `${JSON.stringify(caller)}\n`;
