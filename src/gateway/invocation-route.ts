/** Where an invocation is to go, told by the request's method and raw target alone. */
export interface InvocationRoute {
  readonly trigger: 'http' | 'event';
  /** As received: whoever looks it up finds out whether it is a function's. */
  readonly functionName: string;
  /** Path and query for the function, nothing decoded or normalised. */
  readonly url: string;
}

const triggerPattern = /^\/fn\/([^/?#]+)(.*)$/s;
const invokePattern = /^\/v1\/functions\/([^/?#]+)\/invocations(?:\?.*)?$/s;

/** Undefined for what is no invocation. */
export function invocationRoute(method: string, target: string): InvocationRoute | undefined {
  const trigger = triggerPattern.exec(target);
  if (trigger) {
    const [, functionName = '', rest = ''] = trigger;
    return { trigger: 'http', functionName, url: rest.startsWith('/') ? rest : `/${rest}` };
  }
  const invoke = method === 'POST' ? invokePattern.exec(target) : null;
  return invoke ? { trigger: 'event', functionName: invoke[1] ?? '', url: '/' } : undefined;
}
