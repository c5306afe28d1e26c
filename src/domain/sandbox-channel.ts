import type { Duplex } from 'node:stream';
import type { FunctionError, InvocationRequest } from './invocation.ts';
import type { ResponseListener } from './sandbox.ts';

/**
 * How the host talks with what runs in a sandbox, which is trusted in nothing: whatever comes out of
 * it is checked, bounded and, where it breaks the rules, refused or reported as a violation. A
 * channel knows nothing of deadlines or processes: who owns it watches those, and tells the end of an
 * invocation by closing it.
 *
 *     native   our own bootstraps, over a socket pair (runtime/PROTOCOL.md)
 *     lambda   the Runtime API of AWS Lambda, served inside the sandbox on 127.0.0.1:9001
 *     http     a server of the function's own, on 127.0.0.1:$PORT inside
 */
export interface SandboxChannel {
  /** Does closing an invocation end it inside as well, so that nothing of it goes on? */
  readonly endsWhatIsClosed: boolean;
  /** Can an invocation be given its body as a stream? Known after `onReady`. */
  readonly takesStreams: boolean;
  /** After `onHello`, once: this is the function. Leads to `onReady` or `onInitFailed`. */
  init(message: InitMessage): void;
  /**
   * After `onReady`; at most `concurrency` at once. `settle` is called at most once: with nothing
   * after a complete answer, else with the error.
   */
  invoke(
    request: InvocationRequest,
    listener: ResponseListener,
    settle: (error: FunctionError | undefined) => void,
  ): ChannelInvocation;
  /** Where output of the whole process belongs while exactly one invocation could have made it. */
  soleLog(): OutputSink | undefined;
  /** Nothing is said or heard any more. Idempotent. */
  close(): void;
}

/** One invocation under way on a channel. */
export interface ChannelInvocation {
  /** Lets the function send so many bytes more than `responseWindowBytes` and earlier grants. */
  grant(bytes: number): void;
  /** Gives it up: what still comes of it is dropped. Flushes its log. Idempotent. */
  close(): void;
}

export interface ChannelEvents {
  /** It has booted: `init` may be called. */
  onHello(): void;
  onReady(): void;
  onInitFailed(error: FunctionError): void;
  /** It broke the protocol: the sandbox must die. At most once; nothing follows. */
  onViolation(violation: Error): void;
  /** Nobody caught an error: the answer says which, and the process is about to exit. */
  onFatal(): void;
  /** Output that belongs to no invocation. */
  onStrayOutput(stream: 'stdout' | 'stderr', piece: Buffer): void;
}

export interface InitMessage {
  readonly entry: string;
  readonly env: Readonly<Record<string, string>>;
  readonly functionName: string;
  readonly version: string;
  readonly memoryBytes: number;
  readonly timeoutMs: number;
  readonly concurrency: number;
  /** What a sandbox of this version compiled its code to, for the same program. It only saves time. */
  readonly compiled?: Uint8Array;
}

export interface OutputSink {
  push(stream: 'stdout' | 'stderr', piece: Buffer): void;
}

/** One way of talking with sandboxes. */
export interface ChannelKind {
  readonly name: 'native' | 'lambda' | 'http';
  /**
   * Before the container starts: what has to be in its network namespace by then. The caller
   * disposes of it, also where it was never opened. @throws HostError when the namespace is gone.
   */
  prepare(networkNamespacePath: string): Promise<PreparedChannel>;
}

export interface PreparedChannel extends AsyncDisposable {
  /** The container has been started; `socket` is the host's end of its descriptor 3. Once. */
  open(socket: Duplex, events: ChannelEvents): SandboxChannel;
}
