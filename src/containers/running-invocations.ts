import type { InvocationOutcome, InvocationRequest } from '../domain/invocation.ts';
import type { ResponseListener, RunningInvocation } from '../domain/sandbox.ts';
import type { ChannelInvocation, SandboxChannel } from '../domain/sandbox-channel.ts';
import { StreamWatch } from './stream-watch.ts';

interface Running {
  readonly settle: (outcome: InvocationOutcome) => void;
}

export interface RunningInvocationsOptions {
  /** One was told that it is over, and may still run inside. */
  readonly onStopped: (reason: 'timeout' | 'cancelled') => void;
  /** The last of them has its outcome. */
  readonly onIdle: () => void;
}

/** What a sandbox serves at the moment: each ends once, by its answer, its deadline or its caller. */
export class RunningInvocations {
  readonly #options: RunningInvocationsOptions;
  readonly #running = new Set<Running>();
  #begun = 0;

  constructor(options: RunningInvocationsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#running.size;
  }

  /** How many there were in all. */
  get begun(): number {
    return this.#begun;
  }

  begin(
    channel: SandboxChannel,
    request: InvocationRequest,
    listener: ResponseListener,
  ): RunningInvocation {
    const { promise, resolve } = Promise.withResolvers<InvocationOutcome>();
    let exchange: ChannelInvocation | undefined;
    const running: Running = {
      settle: (outcome) => {
        if (!this.#running.delete(running)) return;
        clearTimeout(deadline);
        streams.stop();
        exchange?.close();
        resolve(outcome);
        if (this.#running.size === 0) this.#options.onIdle();
      },
    };
    this.#running.add(running);
    this.#begun += 1;
    const stop = (reason: 'timeout' | 'cancelled', outcome: InvocationOutcome) => {
      if (!this.#running.has(running)) return;
      running.settle(outcome);
      this.#options.onStopped(reason);
    };
    const deadline = setTimeout(
      () => stop('timeout', { kind: 'timeout', phase: 'run' }),
      Math.max(0, request.deadlineMs - Date.now()),
    );
    let isUpgraded = false;
    const streams = new StreamWatch(request, listener, {
      // A connection with another protocol lasts for as long as something moves on it.
      onUpgraded: () => {
        isUpgraded = true;
        clearTimeout(deadline);
      },
      // The end of such a connection ends what runs for it inside, so the sandbox goes on. What else
      // stands still may run inside for ever.
      onIdle: () => {
        const outcome: InvocationOutcome = { kind: 'timeout', phase: 'idle' };
        if (isUpgraded) running.settle(outcome);
        else stop('cancelled', outcome);
      },
    });
    exchange = channel.invoke(streams.request, streams.listener, (error) =>
      running.settle(error ? { kind: 'function_error', error } : { kind: 'ok' }),
    );
    return {
      outcome: promise,
      grant: (bytes) => {
        streams.moved();
        exchange.grant(bytes);
      },
      cancel: () => stop('cancelled', { kind: 'cancelled' }),
    };
  }

  /** All of them have this outcome. */
  end(outcome: InvocationOutcome): void {
    for (const running of this.#running) running.settle(outcome);
  }
}
