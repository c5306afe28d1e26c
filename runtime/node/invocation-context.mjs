/**
 * What fetch, scheduled and queue handlers are told beside their event.
 * @param {import('./load.mjs').Invocation} invocation
 * @param {(work: unknown) => void} waitUntil
 */
export function invocationContext({ head, functionName }, waitUntil) {
  return {
    invocationId: head.id,
    functionName,
    deadlineMs: head.deadlineMs,
    traceparent: traceparentOf(head),
    waitUntil,
  };
}

/**
 * The span in which the function runs, as W3C's `traceparent`; undefined where nothing is traced.
 * @param {import('./load.mjs').InvokeHead} head
 */
export function traceparentOf({ headers }) {
  return headers.find(([name]) => name === 'traceparent')?.[1];
}
