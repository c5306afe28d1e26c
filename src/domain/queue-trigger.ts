/** A BullMQ queue of an application whose jobs invoke a function. */
export interface QueueTrigger {
  /** Of the queue, as the application names it. */
  readonly name: string;
  /** Before its keys in Redis: the `prefix` of the application's `Queue`. */
  readonly prefix: string;
  /** The Redis, by the operator's name for it; undefined: the host's own. */
  readonly connection: string | undefined;
  /** Jobs that one invocation takes at most. With 1 the job's data is the event. */
  readonly batchSize: number;
  /** Invocations at a time on a node. */
  readonly maxConcurrency: number;
}

/** What a function is told of the jobs in its event, in their order. */
export interface QueueBatch {
  readonly name: string;
  /** The event has records, not the data of one job. */
  readonly isBatch: boolean;
  readonly messages: readonly QueueMessage[];
}

/** What a function is told of a job besides its data. */
export interface QueueMessage {
  readonly id: string;
  /** From 1. */
  readonly attempts: number;
  /** When it was added; epoch milliseconds. */
  readonly timestampMs: number;
  /** What its children in a flow returned, by their keys in Redis; absent: it has none. */
  readonly childrenValues?: Readonly<Record<string, unknown>>;
}
