import type { QueueDestination, WebhookDestination } from '../domain/async-settings.ts';
import type {
  Attempt,
  AttemptResult,
  AttemptRunner,
  DestinationSender,
} from '../domain/event-queue.ts';

export interface AddressedAttemptsOptions {
  readonly functions: AttemptRunner;
  readonly webhooks: DestinationSender<WebhookDestination>;
  readonly queues: DestinationSender<QueueDestination>;
}

/** Runs each attempt where it is addressed to: in a sandbox, or by telling someone outside. */
export class AddressedAttempts implements AttemptRunner {
  readonly #options: AddressedAttemptsOptions;

  constructor(options: AddressedAttemptsOptions) {
    this.#options = options;
  }

  capacityFor(functionName: string): number {
    return this.#options.functions.capacityFor(functionName);
  }

  async run(attempt: Attempt): Promise<AttemptResult> {
    const { functions, webhooks, queues } = this.#options;
    const { destination } = attempt;
    if (!destination) return await functions.run(attempt);
    const startedMs = performance.now();
    const telling =
      'webhook' in destination
        ? await webhooks.send(destination, attempt)
        : await queues.send(destination, attempt);
    return { ...telling, timings: { run: performance.now() - startedMs } };
  }
}
