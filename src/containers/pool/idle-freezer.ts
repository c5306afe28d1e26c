import type { Sandbox } from '../../domain/sandbox.ts';
import type { Service } from '../../domain/service.ts';

/** Idle for so long, a sandbox is frozen; a busy function is called again before and never pays. */
const freezeAfterMs = 50;
const lookIntervalMs = 25;

interface Idle {
  readonly sinceMs: number;
  readonly onFrozen: () => void;
}

/**
 * Freezes sandboxes that serve nobody: what a handler left running, timers or sockets, stands still
 * until the next invocation, and nothing runs that nobody asked for.
 */
export class IdleFreezer implements Service {
  readonly name = 'idle freezer';
  /** Idle and not frozen yet. Those idle longest come first. */
  readonly #thawed = new Map<Sandbox, Idle>();
  /** Told to freeze at the last look: the kernel stops each process by itself, soon after. */
  readonly #freezing = new Map<Sandbox, Idle>();
  readonly #frozen = new Set<Sandbox>();
  #timer: NodeJS.Timeout | undefined;

  async start(): Promise<void> {
    this.#timer = setInterval(() => this.#look(), lookIntervalMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
  }

  /** It serves nobody any more. `onFrozen` is told when it stands still. */
  idle(sandbox: Sandbox, onFrozen: () => void): void {
    this.#thawed.set(sandbox, { sinceMs: performance.now(), onFrozen });
  }

  /** It has been frozen by someone else. */
  frozen(sandbox: Sandbox): void {
    this.#frozen.add(sandbox);
  }

  /** It is about to serve, or is gone. Gives whether it was frozen; then it has been thawed. */
  busy(sandbox: Sandbox): boolean {
    const wasFrozen = this.forget(sandbox);
    if (wasFrozen && !sandbox.destroyed) sandbox.thaw();
    return wasFrozen;
  }

  /** Someone else sees to it from here on. Gives whether it is frozen, and it stays so. */
  forget(sandbox: Sandbox): boolean {
    this.#thawed.delete(sandbox);
    this.#freezing.delete(sandbox);
    return this.#frozen.delete(sandbox);
  }

  #look(): void {
    for (const [sandbox, { onFrozen }] of this.#freezing) {
      this.#freezing.delete(sandbox);
      if (!sandbox.destroyed) onFrozen();
    }
    const latest = performance.now() - freezeAfterMs;
    for (const [sandbox, idle] of this.#thawed) {
      if (idle.sinceMs > latest) return;
      this.#thawed.delete(sandbox);
      if (sandbox.destroyed) continue;
      sandbox.freeze();
      this.#frozen.add(sandbox);
      this.#freezing.set(sandbox, idle);
    }
  }
}
