// In JSON a character takes 6 bytes at the most, so that an ERROR frame stays below 256 KiB.
const typeLimitChars = 200;
const messageLimitChars = 8 * 1024;
const stackLimitChars = 32 * 1024;

/** An error of the runtime's own, by the name that tools know it by. */
export class RuntimeError extends Error {
  /**
   * @param {string} type such as `Runtime.HandlerNotFound`
   * @param {string} message
   */
  constructor(type, message) {
    super(message);
    this.name = type;
  }
}

/** @param {string} why with what to do instead */
export function invalidResponse(why) {
  return new RuntimeError('Runtime.InvalidResponse', `The response is not valid: ${why}.`);
}

/**
 * Describes whatever was thrown: it need not be an error, and looking at it may throw again.
 * @param {any} thrown
 * @returns {{ type: string, message: string, stack?: string }}
 */
export function describeThrown(thrown) {
  try {
    if (thrown instanceof Error) {
      const { name, message, stack } = /** @type {any} */ (thrown);
      return {
        type: String(name).slice(0, typeLimitChars),
        message: String(message).slice(0, messageLimitChars),
        ...(typeof stack === 'string' ? { stack: stack.slice(0, stackLimitChars) } : {}),
      };
    }
    const text = typeof thrown === 'object' ? JSON.stringify(thrown) : thrown;
    return { type: typeof thrown, message: String(text).slice(0, messageLimitChars) };
  } catch {
    return { type: 'Unknown', message: 'What was thrown cannot be shown.' };
  }
}

const loadErrorTypes = new Map([
  ['ERR_MODULE_NOT_FOUND', 'Runtime.ImportModuleError'],
  ['MODULE_NOT_FOUND', 'Runtime.ImportModuleError'],
]);

/**
 * Why a module did not load, by the names that Lambda's tools know.
 * @param {unknown} thrown
 */
export function describeLoadError(thrown) {
  const error = describeThrown(bunSyntaxError(thrown) ?? thrown);
  if (error.type === 'SyntaxError') return { ...error, type: 'Runtime.UserCodeSyntaxError' };
  return { ...error, type: loadErrorTypes.get(codeOf(thrown)) ?? error.type };
}

/**
 * Bun throws all that it does not like about a module together.
 * @param {any} thrown
 */
function bunSyntaxError(thrown) {
  const first = process.versions['bun'] ? (thrown?.errors?.[0] ?? thrown) : undefined;
  return first?.name === 'BuildMessage' ? new SyntaxError(String(first)) : undefined;
}

/** @param {any} thrown */
function codeOf(thrown) {
  try {
    return thrown?.code;
  } catch {
    return undefined;
  }
}
