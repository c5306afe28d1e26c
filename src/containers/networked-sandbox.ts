import type { SandboxId } from '../domain/ids.ts';
import type { InvocationRequest } from '../domain/invocation.ts';
import type { CallContext, NetworkLease } from '../domain/network.ts';
import { parseTraceparent } from '../domain/trace.ts';
import type {
  DestroyReason,
  ResponseListener,
  RunningInvocation,
  Sandbox,
  SandboxUsage,
} from '../domain/sandbox.ts';

/**
 * A sandbox whose network is open while it serves, and at no other time: a connection ends with
 * the invocations that could have made it, and an idle sandbox sends nothing.
 */
export class NetworkedSandbox implements Sandbox {
  readonly id: SandboxId;
  readonly gone: Promise<DestroyReason>;
  readonly #sandbox: Sandbox;
  readonly #network: Pick<NetworkLease, 'open' | 'close'>;
  readonly #servesOne: boolean;
  #running = 0;

  /**
   * It may be open already, for the handler to be loaded. `servesOne`: never several invocations
   * at once, so that what it does belongs to the one.
   */
  constructor(sandbox: Sandbox, network: Pick<NetworkLease, 'open' | 'close'>, servesOne: boolean) {
    this.#servesOne = servesOne;
    this.id = sandbox.id;
    this.gone = sandbox.gone;
    this.#sandbox = sandbox;
    this.#network = network;
  }

  get memoryBytes(): number {
    return this.#sandbox.memoryBytes;
  }

  get wanted(): AbortSignal {
    return this.#sandbox.wanted;
  }

  get takesStreams(): boolean {
    return this.#sandbox.takesStreams;
  }

  get destroyed(): DestroyReason | undefined {
    return this.#sandbox.destroyed;
  }

  invoke(request: InvocationRequest, listener: ResponseListener): RunningInvocation {
    try {
      this.#network.open(this.#contextOf(request));
    } catch {
      // Its rules are gone. They are loaded anew for the next sandbox; this one is of no use.
      void this.#sandbox.destroy('crashed');
      return { outcome: Promise.resolve({ kind: 'crashed' }), grant: () => {}, cancel: () => {} };
    }
    this.#running += 1;
    const invocation = this.#sandbox.invoke(request, listener);
    void invocation.outcome.then(() => {
      this.#running -= 1;
      if (this.#running === 0) this.#network.close();
    });
    return invocation;
  }

  freeze(): void {
    this.#network.close();
    this.#sandbox.freeze();
  }

  thaw(): void {
    this.#sandbox.thaw();
  }

  isTidy(): boolean {
    return this.#sandbox.isTidy();
  }

  tidy(): Promise<boolean> {
    this.#network.close();
    return this.#sandbox.tidy();
  }

  usage(): SandboxUsage {
    return this.#sandbox.usage();
  }

  destroy(reason: DestroyReason): Promise<void> {
    this.#network.close();
    return this.#sandbox.destroy(reason);
  }

  #contextOf({ head: { headers, callDepth: depth = 0 } }: InvocationRequest): CallContext {
    const traceparent = headers.find(([name]) => name === 'traceparent')?.[1] ?? '';
    return this.#servesOne && parseTraceparent(traceparent) ? { depth, traceparent } : { depth };
  }
}
