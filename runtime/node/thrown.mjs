const messageLimit = 8 * 1024;
const stackLimit = 32 * 1024;

/** An error of the runtime's own, with the type that tools know it by. */
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

/**
 * Describes whatever was thrown: it need not be an error, and looking at it may throw again.
 * @param {unknown} thrown
 * @returns {{ type: string, message: string, stack?: string }}
 */
export function describeThrown(thrown) {
  try {
    if (thrown instanceof Error) {
      const { name, message, stack } = thrown;
      return {
        type: String(name).slice(0, 200),
        message: String(message).slice(0, messageLimit),
        ...(typeof stack === 'string' ? { stack: stack.slice(0, stackLimit) } : {}),
      };
    }
    const text = typeof thrown === 'object' ? JSON.stringify(thrown) : String(thrown);
    return { type: typeof thrown, message: String(text).slice(0, messageLimit) };
  } catch {
    return { type: 'Unknown', message: 'something that cannot be shown was thrown' };
  }
}
