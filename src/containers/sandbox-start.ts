import { HostError } from '../domain/errors.ts';
import type { FunctionError, InvocationOutcome } from '../domain/invocation.ts';
import { initLimitMs } from '../domain/limits.ts';
import type { DestroyReason } from '../domain/sandbox.ts';
import { endOfWaiting } from '../lib/end-of-waiting.ts';

/** How loading went: ready, or how it failed. */
export interface LoadResult {
  readonly failure: InvocationOutcome | undefined;
  /** From the hello of the bootstrap until the handler was loaded. */
  readonly initMs: number;
  /** What was waited for that hello; 0 where it had booted. */
  readonly bootMs: number;
}

/** The sandbox that starts, as far as its start has to know it. */
export interface StartingSandbox {
  readonly gone: Promise<DestroyReason>;
  destroy(reason: DestroyReason): Promise<void>;
  /** How it ended, if it has, and the last that it said outside any invocation. */
  lastWords(): { readonly outcome: InvocationOutcome | undefined; readonly text: string };
}

/** Waits for the steps of a sandbox's start, each within `initLimitMs`. */
export class SandboxStart {
  readonly #sandbox: StartingSandbox;
  readonly #hello = Promise.withResolvers<void>();
  readonly #ready = Promise.withResolvers<FunctionError | undefined>();
  #hasBooted = false;

  constructor(sandbox: StartingSandbox) {
    this.#sandbox = sandbox;
  }

  /** The bootstrap has said hello. */
  greeted(): void {
    this.#hello.resolve();
  }

  /** The handler has been loaded, or could not be. */
  loaded(error?: FunctionError): void {
    this.#ready.resolve(error);
  }

  /** How it failed, and then it is destroyed. @throws HostError when the container did not start. */
  async boot(signal: AbortSignal): Promise<InvocationOutcome | undefined> {
    return await this.#reached(this.#hello.promise, signal);
  }

  /** Boots first where that has not been waited for; `init` then asks for the handler. As `boot`. */
  async load(init: () => void, signal: AbortSignal): Promise<LoadResult> {
    const startedMs = performance.now();
    let bootedMs = startedMs;
    const loaded = this.#hello.promise.then(() => {
      bootedMs = performance.now();
      this.#hasBooted = true;
      init();
      return this.#ready.promise;
    });
    const failure = await this.#reached(loaded, signal);
    return { failure, initMs: performance.now() - bootedMs, bootMs: bootedMs - startedMs };
  }

  /** Waits for a step, until it is done, or the time or the sandbox is over. */
  async #reached(
    step: Promise<FunctionError | void>,
    signal: AbortSignal,
  ): Promise<InvocationOutcome | undefined> {
    const sandbox = this.#sandbox;
    const waiting = endOfWaiting(signal, initLimitMs);
    const result = await Promise.race([step, waiting.up, sandbox.gone]);
    waiting.forget();
    if (result === undefined) return undefined;
    if (result === 'aborted' || result === 'late') {
      await sandbox.destroy(result === 'late' ? 'init_failed' : 'cancelled');
      return { kind: 'timeout', phase: 'init' };
    }
    if (typeof result === 'string') return this.#death();
    await sandbox.destroy('init_failed');
    return { kind: 'function_error', error: result };
  }

  /** Before the hello no code of the user's has run, so a crash then is the host's failure. */
  #death(): InvocationOutcome | undefined {
    const { outcome, text } = this.#sandbox.lastWords();
    if (this.#hasBooted || outcome?.kind !== 'crashed') return outcome;
    throw new HostError(
      'internal',
      'sandbox.not_started',
      `The container did not start: ${text || 'it said nothing'}`,
      { details: { ...outcome } },
    );
  }
}
