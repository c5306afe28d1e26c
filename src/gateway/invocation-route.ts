import { parseLambdaName } from './lambda/lambda-function-name.ts';

/** Where an invocation is to go, told by the request's method and raw target alone. */
export interface InvocationRoute {
  readonly trigger: 'http' | 'event';
  /** As received: whoever looks it up finds out whether it is a function's. */
  readonly functionName: string;
  /** The version that is asked for, where one is: `/fn/name@version`, `?qualifier=version`. */
  readonly qualifier?: string;
  /** Path and query for the function, nothing decoded or normalised. */
  readonly url: string;
  /** The operation of AWS Lambda's API that it is, where it is one. */
  readonly lambda?: LambdaOperation;
}

export type LambdaOperation = 'Invoke' | 'InvokeWithResponseStream';

const triggerPattern = /^\/fn\/([^/?#]+)(.*)$/s;
const invokePattern = /^\/v1\/functions\/([^/?#]+)\/invocations(?:\?(.*))?$/s;
const lambdaPatterns: readonly (readonly [LambdaOperation, RegExp])[] = [
  ['Invoke', /^\/2015-03-31\/functions\/([^/?#]+)\/invocations\/?(?:\?(.*))?$/s],
  [
    'InvokeWithResponseStream',
    /^\/2021-11-15\/functions\/([^/?#]+)\/response-streaming-invocations\/?(?:\?(.*))?$/s,
  ],
];

/** Undefined for what is no invocation. */
export function invocationRoute(method: string, target: string): InvocationRoute | undefined {
  const trigger = triggerPattern.exec(target);
  if (trigger) {
    const [, named = '', rest = ''] = trigger;
    const [functionName = '', qualifier] = named.split('@', 2);
    const url = rest.startsWith('/') ? rest : `/${rest}`;
    return {
      trigger: 'http',
      functionName,
      url,
      ...(qualifier === undefined ? {} : { qualifier }),
    };
  }
  if (method !== 'POST') return undefined;
  const invoke = invokePattern.exec(target);
  if (!invoke) return lambdaRoute(target);
  const [, functionName = '', query] = invoke;
  const qualifier = new URLSearchParams(query).get('qualifier');
  return { trigger: 'event', functionName, url: '/', ...(qualifier === null ? {} : { qualifier }) };
}

function lambdaRoute(target: string): InvocationRoute | undefined {
  for (const [lambda, pattern] of lambdaPatterns) {
    const found = pattern.exec(target);
    if (!found) continue;
    const [, named = '', query] = found;
    const given = new URLSearchParams(query).get('Qualifier');
    const { name, ...version } = parseLambdaName(decoded(named), given);
    return { trigger: 'event', functionName: name, url: '/', lambda, ...version };
  }
  return undefined;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // no function's name
  }
}
