import type { FunctionError } from '../../domain/invocation.ts';

const typeLimitChars = 200;
const messageLimitChars = 8 * 1024;
const stackLimitChars = 32 * 1024;

/** An error as a client of the Runtime API describes it: of whatever shape, it becomes one. */
export function parseLambdaError(body: Buffer): FunctionError {
  const { errorType, errorMessage, trace, stackTrace } = objectOf(body.toString());
  const lines: unknown = trace ?? stackTrace; // Node's client and Python's
  const stack = Array.isArray(lines)
    ? lines.filter((line) => typeof line === 'string').join('\n')
    : '';
  return {
    type: (typeof errorType === 'string' ? errorType : 'Error').slice(0, typeLimitChars),
    message: (typeof errorMessage === 'string' ? errorMessage : '').slice(0, messageLimitChars),
    ...(stack === '' ? {} : { stack: stack.slice(0, stackLimitChars) }),
  };
}

function objectOf(text: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(text)) as Record<string, unknown>;
  } catch {
    return { errorMessage: text };
  }
}
