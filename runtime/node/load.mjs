import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { fetchHandler } from './fetch-handler.mjs';
import { scheduledHandler } from './scheduled-handler.mjs';
import { lambdaHandler } from './lambda-handler.mjs';
import { queueHandler } from './queue-handler.mjs';
import { RuntimeError } from './thrown.mjs';

/**
 * @typedef {object} InitMessage
 * @property {string} entry
 * @property {Record<string, string>} env
 * @property {string} functionName
 * @property {string} version
 * @property {number} memoryBytes
 */

/**
 * One invocation as handlers see it.
 * @typedef {object} Invocation
 * @property {import('./responder.mjs').Responder} responder
 * @property {InvokeHead} head
 * @property {Buffer} body
 * @property {ReadableStream<Uint8Array>} [stream] in place of the body, which is still on its way
 * @property {string} functionName
 * @property {string} version
 * @property {number} memoryBytes
 */

/**
 * @typedef {object} InvokeHead
 * @property {string} id
 * @property {'http' | 'event'} trigger
 * @property {string} method
 * @property {string} url
 * @property {[string, string][]} headers
 * @property {string} sourceIp
 * @property {number} deadlineMs
 * @property {'stream'} [body] it follows in frames of its own
 * @property {{ name: string, isBatch: boolean, messages: readonly QueueMessage[] }} [queue]
 */

/**
 * @typedef {object} QueueMessage
 * @property {string} id
 * @property {number} attempts
 * @property {number} timestampMs
 * @property {Record<string, unknown>} [childrenValues] of its children in a flow
 */

/**
 * Answers through the responder; what it throws becomes the answer.
 * @typedef {(invocation: Invocation) => Promise<void>} Handler
 */

/**
 * `takesStreams`: an invocation may come with a `stream`.
 * @typedef {{ handler: Handler, takesStreams: boolean }} LoadedHandler
 */

const taskRoot = '/var/task';
const defaultEnvironment = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/tmp', TMPDIR: '/tmp' };

/**
 * Loads the function's module and finds what it exports to be called.
 * @param {InitMessage} message
 * @param {Buffer} [compiled] what `compile` made of it
 * @returns {Promise<LoadedHandler>}
 */
export async function loadHandler(message, compiled) {
  setEnvironment(message);
  if (existsSync(taskRoot)) process.chdir(taskRoot);
  const forget = compiled ? await useCompiled(compiled) : () => {};
  const module = await import(pathToFileURL(message.entry).href);
  forget();
  return findHandler(module, message);
}

/**
 * It is only there to save time: where it cannot be used, the module is compiled anew.
 * @param {Buffer} compiled
 */
async function useCompiled(compiled) {
  try {
    return (await import('./compiled-code.mjs')).useCompiled(compiled);
  } catch {
    return () => {};
  }
}

/**
 * Only a few of the image's own variables are left. What Lambda sets is there because libraries
 * look for it; the function's own `env` has the last word.
 * @param {InitMessage} message
 */
function setEnvironment({ env, functionName, version, memoryBytes }) {
  const { PATH, HOME, TMPDIR, LANG } = { ...defaultEnvironment, LANG: 'C.UTF-8', ...process.env };
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, {
    PATH,
    HOME,
    TMPDIR,
    LANG,
    AWS_EXECUTION_ENV: `AWS_Lambda_nodejs${process.versions.node.split('.')[0]}.x`,
    AWS_LAMBDA_FUNCTION_NAME: functionName,
    AWS_LAMBDA_FUNCTION_VERSION: version,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(Math.floor(memoryBytes / 1024 ** 2)),
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: `/hearth/${functionName}`,
    AWS_LAMBDA_LOG_STREAM_NAME: version,
    LAMBDA_TASK_ROOT: taskRoot,
    ...env,
  });
}

/**
 * @param {any} module
 * @param {InitMessage} message
 * @returns {LoadedHandler}
 */
function findHandler(module, { entry, env }) {
  const main = module.default?.default ?? module.default; // twice: compiled to CommonJS
  const others = findOther(module, main, entry, env);
  const isScheduled = typeof main?.scheduled === 'function';
  const hasQueue = typeof main?.queue === 'function';
  if (others instanceof RuntimeError && !isScheduled && !hasQueue) throw others;
  /** @type {Handler} */
  let handler = async (invocation) => {
    if (others instanceof RuntimeError) throw others;
    return await others.handler(invocation);
  };
  if (isScheduled) handler = scheduledHandler((...args) => main.scheduled(...args), env, handler);
  if (hasQueue) handler = queueHandler((...args) => main.queue(...args), env, handler);
  return { handler, takesStreams: others instanceof RuntimeError || others.takesStreams };
}

/**
 * What serves everything but schedules and queues, or the error that says that there is nothing.
 * @param {any} module
 * @param {any} main
 * @param {string} entry
 * @param {Record<string, string>} env
 * @returns {LoadedHandler | RuntimeError}
 */
function findOther(module, main, entry, env) {
  if (typeof main?.fetch === 'function') {
    return streaming(fetchHandler((request, ...rest) => main.fetch(request, ...rest), env));
  }
  const handler = module.handler ?? main?.handler;
  if (typeof handler === 'function') {
    return { handler: lambdaHandler(handler), takesStreams: false };
  }
  if (typeof main === 'function') return streaming(fetchHandler(main, env));
  return new RuntimeError(
    'Runtime.HandlerNotFound',
    `${entry} needs "export default { fetch(request) {…} }" or "export const handler = ` +
      `async (event) => …". It exports ${Object.keys(module).join(', ') || 'nothing'}.`,
  );
}

/** @param {Handler} handler */
const streaming = (handler) => ({ handler, takesStreams: true });
