import { once } from 'node:events';
import { pino } from 'pino';
import type { Logger } from '../domain/logger.ts';
import { plainLine } from './plain-line.ts';

/** Characters that wait for a slow reader of the log; beyond it lines are dropped. */
const pendingLimit = 8 * 1024 * 1024;

const flushLimitMs = 1_000;

export interface HostLogOptions {
  /** The least that is written. */
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** `plain`: one short line for a person. `json`: one object a line for a machine. */
  readonly format: 'plain' | 'json';
  /** A file descriptor; stderr by default. */
  readonly fd?: number;
}

export interface HostLog extends Logger {
  /** Resolves when what waits is written, or its reader is too slow. For the end of the process. */
  flush(): Promise<void>;
}

/** The host's own log. Writing is asynchronous: what gathers meanwhile goes into the next write. */
export function createHostLog({ level, format, fd = 2 }: HostLogOptions): HostLog {
  const file = pino.destination({ fd, sync: false, maxLength: pendingLimit });
  file.on('error', () => {}); // nobody reads the log any more: that must not end the host
  let drained = true;
  file.on('drain', () => {
    drained = true;
  });
  const write = (line: string) => {
    drained = false;
    file.write(format === 'json' ? line : plainLine(line));
  };
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: 'message',
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: errorFields },
    },
    { write },
  );
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    flush: async () => {
      if (drained) return;
      await once(file, 'drain', { signal: AbortSignal.timeout(flushLimitMs) }).catch(() => {});
    },
  };
}

/** An error with its whole chain of causes, each with its stack. */
function errorFields(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, stack, cause } = error;
  const { code, reason, details } = error as {
    code?: unknown;
    reason?: unknown;
    details?: unknown;
  };
  const errors = error instanceof AggregateError ? error.errors.map(errorFields) : undefined;
  return {
    name,
    message,
    code,
    reason,
    details,
    stack,
    errors,
    cause: cause === undefined ? undefined : errorFields(cause),
  };
}
