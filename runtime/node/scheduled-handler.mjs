import { invocationContext } from './invocation-context.mjs';

/**
 * @typedef {import('./load.mjs').Handler} Handler
 * @typedef {(event: object, env: object, ctx: object) => unknown} ScheduledFunction
 */

const answer = { status: 200, headers: /** @type {[string, string][]} */ ([]) };

/**
 * Serves what a schedule begins by `scheduled(event, env, ctx)`, and leaves the rest to `others`. The
 * invocation ends when what it returned, and all that was given to `waitUntil`, has; then whatever
 * failed first is its failure.
 * @param {ScheduledFunction} scheduled
 * @param {Record<string, string>} env
 * @param {Handler} others
 * @returns {Handler}
 */
export function scheduledHandler(scheduled, env, others) {
  return async (invocation) => {
    const { head, body, responder } = invocation;
    if (!isScheduled(head)) return await others(invocation);
    const { detail } = JSON.parse(body.toString());
    const event = { type: 'scheduled', cron: detail.cron, scheduledTime: detail.scheduledTime };
    /** @type {Promise<unknown>[]} */
    const pending = [];
    const context = invocationContext(invocation, (work) => {
      pending.push(Promise.resolve(work));
    });
    const ctx = { ...context, passThroughOnException: () => {} };
    await scheduled({ ...event, noRetry: () => {} }, env, ctx);
    while (pending.length > 0) await Promise.all(pending.splice(0));
    await responder.respond(answer, new Uint8Array(0));
  };
}

/** @param {import('./load.mjs').InvokeHead} head */
function isScheduled({ trigger, headers }) {
  return trigger === 'event' && headers.some(([name]) => name === 'x-hearth-schedule');
}
