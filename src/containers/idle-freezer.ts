import type { Sandbox } from '../domain/sandbox.ts';
import type { Service } from '../domain/service.ts';

/** Idle for so long, a sandbox is frozen; a busy function is called again before and never pays. */
const freezeAfterMs = 50;
const lookIntervalMs = 25;

/**
 * Freezes sandboxes that serve nobody: what a handler left running, timers or sockets, stands still
 * until the next invocation, and nothing runs that nobody asked for.
 */
export class IdleFreezer implements Service {
  readonly name = 'idle freezer';
  /** Idle and not frozen yet, with the time since when. Those idle longest come first. */
  readonly #thawed = new Map<Sandbox, number>();
  readonly #frozen = new Set<Sandbox>();
  #timer: NodeJS.Timeout | undefined;

  async start(): Promise<void> {
    this.#timer = setInterval(() => this.#freezeIdle(), lookIntervalMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
  }

  /** It serves nobody any more. */
  idle(sandbox: Sandbox): void {
    this.#thawed.set(sandbox, performance.now());
  }

  /** It is about to serve, or is gone. Gives whether it was frozen; then it has been thawed. */
  busy(sandbox: Sandbox): boolean {
    this.#thawed.delete(sandbox);
    const wasFrozen = this.#frozen.delete(sandbox);
    if (wasFrozen && !sandbox.destroyed) sandbox.thaw();
    return wasFrozen;
  }

  #freezeIdle(): void {
    const latest = performance.now() - freezeAfterMs;
    for (const [sandbox, sinceMs] of this.#thawed) {
      if (sinceMs > latest) return;
      this.#thawed.delete(sandbox);
      if (sandbox.destroyed) continue;
      sandbox.freeze();
      this.#frozen.add(sandbox);
    }
  }
}
