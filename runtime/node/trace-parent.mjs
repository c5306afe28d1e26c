/**
 * The span in which the function runs, as W3C's `traceparent`; undefined where nothing is traced.
 * @param {import('./load.mjs').InvokeHead} head
 */
export function traceparentOf({ headers }) {
  return headers.find(([name]) => name === 'traceparent')?.[1];
}
