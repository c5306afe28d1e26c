import type { InvocationId } from './ids.ts';
import type { InvocationRecord } from './invocation-record.ts';

/** What became of asynchronous invocations. All reject with HostError `unavailable` without Redis. */
export interface InvocationRecords {
  /** Undefined: there never was one, or it ended too long ago to be kept. */
  get(id: InvocationId): Promise<InvocationRecord | undefined>;
  /** Its event; kept as long as its record. */
  body(id: InvocationId): Promise<Uint8Array | undefined>;
  /** The body of its answer, once it is done. */
  answer(id: InvocationId): Promise<Uint8Array | undefined>;
  /** The record as it is, and at each change until it has ended or the signal aborts. */
  changes(id: InvocationId, signal: AbortSignal): AsyncIterable<InvocationRecord>;
  /** The record as soon as it has ended; as it is when the signal aborts. */
  whenEnded(id: InvocationId, signal: AbortSignal): Promise<InvocationRecord | undefined>;
  /**
   * Cancels it and gives the record: one that waits is cancelled at once; one that runs soon, and
   * its sandbox is destroyed. What has ended stays as it is.
   */
  cancel(id: InvocationId): Promise<InvocationRecord | undefined>;
}
