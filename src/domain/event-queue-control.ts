import type { InvocationId } from './ids.ts';
import type { InvocationRecord } from './invocation-record.ts';

/** How one function's event queue stands. */
export interface EventQueueState {
  readonly functionName: string;
  /** Nothing is taken from it, though it still accepts. */
  readonly isPaused: boolean;
  readonly queued: number;
  readonly running: number;
  readonly deadLetters: number;
  /** When the oldest of those that are queued or run was accepted, epoch ms; absent: there is none. */
  readonly oldestMs?: number;
}

/** Which dead letters are meant: those that fit all that is given, the oldest first. */
export interface DeadLetterFilter {
  readonly ids?: readonly InvocationId[];
  /** The failure's reason begins with it, such as `timeout.`. */
  readonly reason?: string;
  readonly limit: number;
}

/** For operators. All reject with HostError `unavailable` without Redis. */
export interface EventQueueControl {
  /** In the order of the names. */
  states(functionNames: readonly string[]): Promise<readonly EventQueueState[]>;
  /** What runs goes on; nothing else begins until it is resumed. Idempotent, and durable. */
  pause(functionName: string): Promise<void>;
  resume(functionName: string): Promise<void>;
  deadLetters(functionName: string, filter: DeadLetterFilter): Promise<readonly InvocationRecord[]>;
  /** Takes them up again, with all attempts before them. Resolves to how many. */
  redrive(functionName: string, filter: DeadLetterFilter): Promise<number>;
  /** Forgets dead letters with all that is kept of them. Resolves to how many. */
  forget(functionName: string, filter: DeadLetterFilter): Promise<number>;
  /** Cancels all that wait; what runs goes on. Resolves to how many. */
  cancelQueued(functionName: string): Promise<number>;
}
