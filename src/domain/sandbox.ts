import type { SandboxId } from './ids.ts';
import type { InvocationOutcome, InvocationRequest, ResponseHead } from './invocation.ts';
import type { LogLine } from './log.ts';

/** Why a sandbox was destroyed; kept for whoever asks a dead one. */
export type DestroyReason =
  | 'idle' // past its keep-warm time
  | 'evicted' // its memory was needed
  | 'spent' // isolation "invocation"
  | 'retired' // old or worn out: used often, or holding more and more
  | 'superseded' // its version is not served any more
  | 'timeout'
  | 'cancelled'
  | 'crashed'
  | 'out_of_memory'
  | 'volume_lost' // another may write to its volume now
  | 'protocol_violation'
  | 'init_failed'
  | 'shutdown';

/**
 * Receives one invocation's response, in this order: `onHead` at most once, then `onChunk`s.
 * `onLog` and `onProgress` at any time. Nothing after the outcome has settled. Chunks may be kept.
 */
export interface ResponseListener {
  onHead(head: ResponseHead): void;
  onChunk(bytes: Uint8Array): void;
  onLog(line: LogLine): void;
  /** How far it is with one of the messages of its batch: JSON, unchecked, 4 KiB at most. */
  onProgress?(message: number, json: Uint8Array): void;
}

/** What a sandbox holds now. */
export interface SandboxUsage {
  /** Without what the kernel would give up by itself, such as contents of files. */
  readonly memoryBytes: number;
  /** Open descriptors of the one of its processes that has most. */
  readonly descriptors: number;
}

export interface RunningInvocation {
  /**
   * Never rejects. After anything but `ok`, `function_error` and an idle connection with another
   * protocol the sandbox is gone; where it served others at once, it may end those first after
   * `timeout` and `cancelled`.
   */
  readonly outcome: Promise<InvocationOutcome>;
  /** Lets the function send so many bytes more than `responseWindowBytes` and earlier grants. */
  grant(bytes: number): void;
  /** The caller is gone: destroys the sandbox, outcome `cancelled`. Harmless when already over. */
  cancel(): void;
}

/**
 * A container with its leases and its channel, its handler loaded, able to serve. It serves one
 * version of one function for its whole life. Any call on a dead one is harmless: `invoke` gives
 * the outcome `crashed`.
 */
export interface Sandbox {
  readonly id: SandboxId;
  readonly memoryBytes: number;
  /** Can its function be given a request's body while that is on its way? Known once loaded. */
  readonly takesStreams: boolean;
  /** Set once it is dead. */
  readonly destroyed: DestroyReason | undefined;
  /** Settles once, when it is dead and everything it held has been given back. Never rejects. */
  readonly gone: Promise<DestroyReason>;
  /** Aborts when something it holds is needed elsewhere: to be given up once it serves nobody. */
  readonly wanted: AbortSignal;
  invoke(request: InvocationRequest, listener: ResponseListener): RunningInvocation;
  /** Everything in it stands still, soon after the call, until it is thawed. Only while idle. */
  freeze(): void;
  /** It runs again when this returns. Harmless when it was not frozen. */
  thaw(): void;
  /**
   * Is there nothing in it that invocations left behind, no file in its scratch volume and no
   * process that was not there when the handler had loaded? Costs some 6 µs. Only while idle.
   */
  isTidy(): boolean;
  /**
   * Freezes it, removes what invocations left behind, and leaves it frozen. False when it could not
   * be done, or when it is dead: then it must not be used again. Never rejects. Only while idle.
   */
  tidy(): Promise<boolean>;
  /** Read from the kernel now, which costs some 0.1 ms. */
  usage(): SandboxUsage;
  /** Idempotent; the first reason stays. Resolves when all it held has been given back. */
  destroy(reason: DestroyReason): Promise<void>;
}
