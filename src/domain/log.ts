import type { InvocationId } from './ids.ts';

/** One line that a function wrote. `text` has no newline at its end. */
export interface LogLine {
  /** Epoch milliseconds, taken by the host. */
  readonly timeMs: number;
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

export interface LogEntry extends LogLine {
  readonly functionName: string;
  /** Absent for what was written outside any invocation, such as while loading. */
  readonly invocationId?: InvocationId;
}

export interface LogQuery {
  readonly functionName: string;
  readonly invocationId?: InvocationId;
  readonly sinceMs?: number;
  /** The newest so many lines. */
  readonly limit: number;
}

/** Functions' output, bounded per function: the oldest goes first. */
export interface LogStore {
  /** Never throws and never blocks; a line that cannot be kept is counted and dropped. */
  append(entry: LogEntry): void;
  /** Oldest first. Lines appended before the call by this process are included. */
  read(query: LogQuery): Promise<readonly LogEntry[]>;
  /** What `read` gives, then each line as it is written, none twice, until the signal aborts. */
  follow(query: LogQuery, signal: AbortSignal): AsyncIterable<LogEntry>;
  remove(functionName: string): Promise<void>;
}
