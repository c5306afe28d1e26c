/** Where an invocation is to go, told by the request's method and raw target alone. */
export interface InvocationRoute {
  readonly trigger: 'http' | 'event';
  /** As received: whoever looks it up finds out whether it is a function's. */
  readonly functionName: string;
  /** The version that is asked for, where one is: `/fn/name@version`, `?qualifier=version`. */
  readonly qualifier?: string;
  /** Path and query for the function, nothing decoded or normalised. */
  readonly url: string;
}

const triggerPattern = /^\/fn\/([^/?#]+)(.*)$/s;
const invokePattern = /^\/v1\/functions\/([^/?#]+)\/invocations(?:\?(.*))?$/s;

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
  const invoke = method === 'POST' ? invokePattern.exec(target) : null;
  if (!invoke) return undefined;
  const [, functionName = '', query] = invoke;
  const qualifier = new URLSearchParams(query).get('qualifier');
  return { trigger: 'event', functionName, url: '/', ...(qualifier === null ? {} : { qualifier }) };
}
