import type { FunctionSpec } from '../../domain/function.ts';
import type { InvocationId } from '../../domain/ids.ts';
import type { InvocationOutcome } from '../../domain/invocation.ts';

/** How a function failed, as the payload of an answer of AWS Lambda's says it. */
export interface LambdaFunctionError {
  readonly errorType: string;
  readonly errorMessage: string;
  /** The stack, line by line: `stackTrace` of Python's, `trace` of all others. */
  readonly trace?: readonly string[];
  readonly stackTrace?: readonly string[];
}

type Failure = Exclude<InvocationOutcome, { kind: 'ok' | 'cancelled' }>;

export function lambdaFunctionError(
  failure: Failure,
  { runtime, timeoutMs }: FunctionSpec,
  id: InvocationId,
): LambdaFunctionError {
  const said = (errorType: string, text: string): LambdaFunctionError => ({
    errorType,
    errorMessage: `RequestId: ${id} Error: ${text}`,
  });
  switch (failure.kind) {
    case 'function_error': {
      const { type, message, stack } = failure.error;
      const error = { errorType: type, errorMessage: message };
      if (stack === undefined) return error;
      const lines = stack.split('\n');
      return runtime === 'python3' ? { ...error, stackTrace: lines } : { ...error, trace: lines };
    }
    case 'timeout':
      return said(
        'Sandbox.Timedout',
        `Task timed out after ${(timeoutMs / 1000).toFixed(2)} seconds`,
      );
    case 'out_of_memory':
      return said('Runtime.OutOfMemory', 'Runtime exited with error: signal: killed');
    case 'crashed':
      return said('Runtime.ExitError', `Runtime exited ${exitText(failure)}`);
  }
}

function exitText({ exitCode, signal }: Extract<Failure, { kind: 'crashed' }>): string {
  if (signal !== undefined) return `with error: signal: ${signal}`;
  return exitCode === undefined || exitCode === 0
    ? 'without providing a reason'
    : `with error: exit status ${exitCode}`;
}
