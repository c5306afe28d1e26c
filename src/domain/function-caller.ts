import { isName } from './ids.ts';
import type { CallContext } from './network.ts';
import type { Principal } from './principal.ts';

/** A function that calls another one, on the word of the worker that runs it. */
export interface FunctionCaller extends CallContext {
  readonly functionName: string;
  /** Functions that it may call; `*` in one is any text. */
  readonly calls: readonly string[];
}

/** Which function a name of the form `<name>.fn.internal` means. */
export const functionDomain = 'fn.internal';

/** Calls of functions by functions, one for the other: past it they are taken for an endless loop. */
export const callDepthLimit = 16;

/** The function of a host name in lower case; undefined when it names none. */
export function calledFunction(hostName: string): string | undefined {
  if (!hostName.endsWith(`.${functionDomain}`)) return undefined;
  const name = hostName.slice(0, -functionDomain.length - 1);
  return isName(name) ? name : undefined;
}

/** Its id is that of no key: those have no colon. */
export function callerPrincipal({ functionName, calls }: FunctionCaller): Principal {
  return {
    id: `function:${functionName}`,
    scopes: calls.map((pattern) => ({ action: 'invoke', pattern })),
  };
}

/** What a worker sends first on a connection of a function to the gateway. */
export const callerLine = (caller: FunctionCaller): string => `${JSON.stringify(caller)}\n`;
