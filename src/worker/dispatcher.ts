import type { LaneItem } from '../domain/lane.ts';
import type { ReplySender } from '../domain/reply.ts';
import type { Service } from '../domain/service.ts';
import type { InvocationRunner } from './invocation-runner.ts';

export interface DispatcherOptions {
  readonly runner: InvocationRunner;
  readonly replies: ReplySender;
}

/** Runs what the lane brings. Every item ends in exactly one reply. */
export class Dispatcher implements Service {
  readonly name = 'dispatcher';
  readonly #options: DispatcherOptions;
  readonly #running = new Set<Promise<void>>();

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** A LaneHandler. Does not wait for what it starts. */
  readonly dispatch = (items: readonly LaneItem[]): void => {
    for (const item of items) {
      const running = this.#dispatch(item).finally(() => this.#running.delete(running));
      this.#running.add(running);
    }
  };

  async start(): Promise<void> {}

  /** Resolves when nothing runs any more, or when `grace` aborts. */
  async stop(grace: AbortSignal): Promise<void> {
    if (grace.aborted) return;
    const over = Promise.withResolvers<void>();
    grace.addEventListener('abort', () => over.resolve(), { once: true });
    await Promise.race([Promise.all(this.#running), over.promise]);
  }

  /** One deadline for all of it: the caller's. */
  #dispatch({ deadlineMs, replyTo, ...item }: LaneItem): Promise<void> {
    const { runner, replies } = this.#options;
    const request = { ...item, leaseUntilMs: deadlineMs, deadlineMs: () => deadlineMs };
    return runner.run(request, replies.open(replyTo, item.id));
  }
}
