import type { FactPublisher, Facts } from '../domain/facts.ts';
import type { SandboxId } from '../domain/ids.ts';
import type { InvocationRequest } from '../domain/invocation.ts';
import type {
  DestroyReason,
  ResponseListener,
  RunningInvocation,
  Sandbox,
  SandboxUsage,
} from '../domain/sandbox.ts';

/**
 * Stands before a sandbox of any kind and keeps four promises, so that the kinds need not:
 *
 * 1. No two changes at once: it never freezes while it serves, and serves only when it is thawed.
 * 2. Dead stays dead: nothing reaches a dead one, and the first reason is the reason.
 * 3. What changes nothing is not passed on: a frozen one is not frozen again.
 * 4. Every change is a fact, once.
 */
export class GuardedSandbox implements Sandbox {
  readonly id: SandboxId;
  readonly gone: Promise<DestroyReason>;
  readonly wanted: AbortSignal;
  readonly #sandbox: Sandbox;
  readonly #facts: FactPublisher;
  readonly #told: Facts['sandbox.frozen'];
  #running = 0;
  #isFrozen = false;
  #destroying: Promise<void> | undefined;

  /** `outdated`: what it was given is not what it would be given now. */
  constructor(
    sandbox: Sandbox,
    functionName: string,
    facts: FactPublisher,
    outdated?: AbortSignal,
  ) {
    this.id = sandbox.id;
    this.#told = { sandboxId: sandbox.id, functionName };
    this.gone = sandbox.gone;
    this.wanted = outdated ? AbortSignal.any([sandbox.wanted, outdated]) : sandbox.wanted;
    this.#sandbox = sandbox;
    this.#facts = facts;
  }

  get memoryBytes(): number {
    return this.#sandbox.memoryBytes;
  }

  get takesStreams(): boolean {
    return this.#sandbox.takesStreams;
  }

  get destroyed(): DestroyReason | undefined {
    return this.#sandbox.destroyed;
  }

  invoke(request: InvocationRequest, listener: ResponseListener): RunningInvocation {
    if (this.destroyed) return deadEnd;
    this.thaw();
    this.#running += 1;
    const invocation = this.#sandbox.invoke(request, listener);
    void invocation.outcome.then(() => (this.#running -= 1));
    return invocation;
  }

  freeze(): void {
    if (this.destroyed || this.#isFrozen || this.#running > 0) return;
    this.#sandbox.freeze();
    this.#isFrozen = true;
    this.#facts.publish('sandbox.frozen', this.#told);
  }

  thaw(): void {
    if (this.destroyed || !this.#isFrozen) return;
    this.#sandbox.thaw();
    this.#isFrozen = false;
    this.#facts.publish('sandbox.thawed', this.#told);
  }

  isTidy(): boolean {
    return this.#sandbox.isTidy();
  }

  async tidy(): Promise<boolean> {
    if (this.destroyed || this.#running > 0) return false;
    const isTidy = await this.#sandbox.tidy();
    if (!this.destroyed && !this.#isFrozen) {
      this.#isFrozen = true;
      this.#facts.publish('sandbox.frozen', this.#told);
    }
    return isTidy;
  }

  usage(): SandboxUsage {
    return this.#sandbox.usage();
  }

  destroy(reason: DestroyReason): Promise<void> {
    this.#destroying ??= this.#sandbox.destroy(reason);
    return this.#destroying;
  }
}

const deadEnd: RunningInvocation = {
  outcome: Promise.resolve({ kind: 'crashed' }),
  grant: () => {},
  cancel: () => {},
};
