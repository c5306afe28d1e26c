import type { InvocationOutcome } from '../domain/invocation.ts';
import { formatBytes } from '../lib/units.ts';

/** What the function's log says of an invocation that failed; nothing where it did not. */
export function explanation(outcome: InvocationOutcome): string | undefined {
  switch (outcome.kind) {
    case 'ok':
    case 'cancelled':
      return undefined;
    case 'function_error':
      return outcome.error.stack ?? `${outcome.error.type}: ${outcome.error.message}`;
    case 'timeout':
      return `[hearth] timed out (phase: ${outcome.phase})`;
    case 'out_of_memory':
      return `[hearth] killed: it needed more memory than its ${formatBytes(outcome.limitBytes)}`;
    case 'crashed':
      return `[hearth] the process ended ${outcome.signal === undefined ? `with exit code ${outcome.exitCode ?? 'unknown'}` : `by ${outcome.signal}`}`;
  }
}
