import { invocationContext } from './invocation-context.mjs';

/**
 * @typedef {import('./load.mjs').Invocation} Invocation
 * @typedef {(batch: object, env: object, ctx: object) => unknown} QueueFunction
 */

/**
 * Serves batches of a queue by a function of the web standard: `queue(batch, env, ctx)`. A message
 * fails by its `retry()`, all of them by `retryAll()` or a throw; any other is done.
 * @param {QueueFunction} queue
 * @param {Record<string, string>} env
 * @param {import('./load.mjs').Handler} others What serves everything else.
 * @returns {import('./load.mjs').Handler}
 */
export function queueHandler(queue, env, others) {
  return async (invocation) => {
    const { head, body, responder } = invocation;
    if (!head.queue) return await others(invocation);
    /** @type {Promise<unknown>[]} */
    const pending = [];
    /** @type {Set<string>} */
    const failed = new Set();
    const messages = messagesOf(head, JSON.parse(body.toString()), failed, responder);
    const batch = {
      queue: head.queue.name,
      messages,
      ackAll: () => messages.forEach((message) => message.ack()),
      retryAll: () => messages.forEach((message) => message.retry()),
    };
    const context = invocationContext(invocation, (work) => {
      pending.push(Promise.resolve(work).catch((thrown) => console.error('waitUntil:', thrown)));
    });
    const result = await queue(batch, env, context);
    while (pending.length > 0) await Promise.all(pending.splice(0));
    const failures = [...failed].map((itemIdentifier) => ({ itemIdentifier }));
    const answer = failures.length > 0 ? { batchItemFailures: failures } : (result ?? null);
    const headers = /** @type {[string, string][]} */ ([['content-type', 'application/json']]);
    await responder.respond({ status: 200, headers }, Buffer.from(JSON.stringify(answer)));
  };
}

/**
 * @param {import('./load.mjs').InvokeHead} head
 * @param {any} event
 * @param {Set<string>} failed
 * @param {import('./responder.mjs').Responder} responder
 */
function messagesOf({ queue }, event, failed, responder) {
  return (queue?.messages ?? []).map(
    ({ id, attempts, timestampMs, childrenValues = {} }, index) => ({
      id,
      attempts,
      timestamp: new Date(timestampMs),
      childrenValues,
      body: queue?.isBatch ? JSON.parse(event.Records[index].body) : event,
      ack: () => void failed.delete(id),
      retry: () => void failed.add(id),
      progress: (/** @type {unknown} */ value) => responder.progress(index, value),
    }),
  );
}
