import { pathToFileURL } from 'node:url';
import { fetchHandler } from './fetch-handler.mjs';
import { lambdaHandler } from './lambda-handler.mjs';
import { describeThrown, RuntimeError } from './thrown.mjs';

/**
 * @typedef {object} InitMessage
 * @property {string} entry
 * @property {Record<string, string>} env
 * @property {string} functionName
 * @property {string} version
 * @property {number} memoryBytes
 */

/**
 * Loads the function's module and finds what it exports to be called.
 * @param {InitMessage} message
 * @returns {Promise<import('./invocation.mjs').Handler>}
 */
export async function loadHandler({ entry, env, functionName, version, memoryBytes }) {
  setEnvironment({
    AWS_LAMBDA_FUNCTION_NAME: functionName,
    AWS_LAMBDA_FUNCTION_VERSION: version,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(Math.floor(memoryBytes / 1024 ** 2)),
    LAMBDA_TASK_ROOT: '/var/task',
    ...env,
  });
  process.setSourceMapsEnabled(true);
  return findHandler(await import(pathToFileURL(entry).href), env);
}

/**
 * Only what the image sets and what belongs to the function is left.
 * @param {Record<string, string>} variables
 */
function setEnvironment(variables) {
  const kept = ['PATH', 'HOME', 'LANG'];
  for (const name of Object.keys(process.env)) if (!kept.includes(name)) delete process.env[name];
  Object.assign(process.env, variables);
}

/**
 * @param {any} module
 * @param {Record<string, string>} env
 */
function findHandler(module, env) {
  const main = module.default;
  if (typeof main?.fetch === 'function') {
    return fetchHandler((request, ...rest) => main.fetch(request, ...rest), env);
  }
  const handler = module.handler ?? main?.handler;
  if (typeof handler === 'function') return lambdaHandler(handler);
  if (typeof main === 'function') return fetchHandler(main, env);
  throw new RuntimeError(
    'Runtime.HandlerNotFound',
    'The module exports neither "default" with a fetch function nor "handler"; ' +
      `it exports ${Object.keys(module).join(', ') || 'nothing'}.`,
  );
}

/**
 * Why loading failed, by the names that Lambda's tools know.
 * @param {unknown} thrown
 */
export function describeLoadError(thrown) {
  const error = describeThrown(thrown);
  if (error.type === 'SyntaxError') return { ...error, type: 'Runtime.UserCodeSyntaxError' };
  const { code } = /** @type {{ code?: unknown }} */ (Object(thrown));
  if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') {
    return { ...error, type: 'Runtime.ImportModuleError' };
  }
  return error;
}
