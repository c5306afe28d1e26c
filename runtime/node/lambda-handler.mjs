import { clientContext } from './client-context.mjs';
import { traceparentOf } from './invocation-context.mjs';
import { toLambdaEvent } from './lambda-event.mjs';
import { fromEventResult, fromHttpResult } from './lambda-result.mjs';
import { isStreaming, LambdaResponseStream } from './lambda-stream.mjs';
import { RuntimeError } from './thrown.mjs';

/** As Lambda's own; larger answers are streamed. */
const responseLimitBytes = 6 * 1024 * 1024;
const arnPrefix = 'arn:aws:lambda:local:000000000000:function';

/**
 * Serves invocations by a handler as AWS Lambda calls it: a promise or a callback for the result,
 * or a stream to write it to.
 * @param {Function} handler
 * @returns {import('./load.mjs').Handler}
 */
export function lambdaHandler(handler) {
  return async (invocation) => {
    const { head, body, responder } = invocation;
    const event = head.trigger === 'http' ? toLambdaEvent(invocation) : parseEvent(body);
    const context = lambdaContext(invocation);
    if (isStreaming(handler)) {
      const stream = new LambdaResponseStream(responder);
      await handler(event, stream, context);
      stream.endUnlessPiped();
      return await stream.answered;
    }
    const result = await call(handler, event, context);
    const response = head.trigger === 'http' ? fromHttpResult(result) : fromEventResult(result);
    if (response.body.length > responseLimitBytes) {
      throw new RuntimeError(
        'Function.ResponseSizeTooLarge',
        `The response has ${response.body.length} bytes; the limit is ${responseLimitBytes}. ` +
          'Stream it: awslambda.streamifyResponse, or a fetch handler.',
      );
    }
    await responder.respond(response.head, response.body);
  };
}

/**
 * A handler that takes three arguments answers by the callback, unless it returns a promise.
 * @param {Function} handler
 * @param {unknown} event
 * @param {object} context
 */
function call(handler, event, context) {
  if (handler.length < 3) return handler(event, context);
  return new Promise((resolve, reject) => {
    const callback = (/** @type {unknown} */ error, /** @type {unknown} */ result) =>
      error === null || error === undefined ? resolve(result) : reject(error);
    const returned = handler(event, context, callback);
    if (typeof returned?.then === 'function') returned.then(resolve, reject);
  });
}

/** @param {Buffer} body */
function parseEvent(body) {
  return body.length === 0 ? {} : JSON.parse(body.toString());
}

/** @param {import('./load.mjs').Invocation} invocation */
function lambdaContext({ head, functionName, version, memoryBytes }) {
  return {
    functionName,
    functionVersion: version,
    invokedFunctionArn: `${arnPrefix}:${functionName}`,
    memoryLimitInMB: String(Math.floor(memoryBytes / 1024 ** 2)),
    awsRequestId: head.id,
    traceparent: traceparentOf(head),
    clientContext: clientContext(head),
    logGroupName: `/hearth/${functionName}`,
    logStreamName: version,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, head.deadlineMs - Date.now()),
  };
}
