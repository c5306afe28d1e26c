import { randomUUID } from 'node:crypto';
import type { RedisQueueBackend } from 'bullmq';
import type { InvocationId, NodeId } from '../domain/ids.ts';

/** Takes on their way at once. */
const maxTaking = 4;

/** A job that was taken: who finishes it names the token. */
export interface TakenJob {
  readonly id: InvocationId;
  readonly token: string;
}

export interface EventQueuePollerOptions {
  readonly node: NodeId;
  readonly queue: RedisQueueBackend;
  /** Jobs that may be under way at a time. */
  readonly capacity: () => number;
  /** Works on a job until it is no longer this node's. Never rejects. */
  readonly deliver: (job: TakenJob) => Promise<void>;
  /** Nothing can be taken now. */
  readonly onDrained: () => void;
  readonly onError: (error: unknown) => void;
}

/** Takes jobs off one function's queue while there is room for them. It waits for nothing. */
export class EventQueuePoller {
  readonly #options: EventQueuePollerOptions;
  readonly #held = new Map<InvocationId, TakenJob>();
  #taking = 0;
  #isDrained = true;
  #isStopped = false;

  constructor(options: EventQueuePollerOptions) {
    this.#options = options;
  }

  get isIdle(): boolean {
    return this.#isDrained && this.#taking === 0 && this.#held.size === 0;
  }

  /** What was taken and is not finished. */
  get held(): Iterable<TakenJob> {
    return this.#held.values();
  }

  /** There may be something to take. */
  poke(): void {
    this.#isDrained = false;
    this.#fill();
  }

  /** Takes nothing any more. */
  stop(): void {
    this.#isStopped = true;
  }

  #fill(): void {
    const room = () => this.#options.capacity() - this.#held.size - this.#taking;
    while (!this.#isStopped && !this.#isDrained && this.#taking < maxTaking && room() > 0) {
      this.#taking += 1;
      void this.#take();
    }
  }

  async #take(): Promise<void> {
    const { queue, node, onDrained, onError } = this.#options;
    const token = randomUUID();
    try {
      const [data, id] = (await queue.moveToActive(token, node)) as [unknown, InvocationId];
      this.#taking -= 1;
      if (data) this.#hold({ id, token });
      else if (!this.#isDrained) {
        this.#isDrained = true;
        onDrained();
      }
    } catch (error) {
      this.#taking -= 1;
      this.#isDrained = true; // looked at again when the watch finds it due
      onError(error);
    }
    this.#fill();
  }

  #hold(job: TakenJob): void {
    this.#held.set(job.id, job);
    void this.#options.deliver(job).finally(() => {
      if (this.#held.get(job.id) === job) this.#held.delete(job.id);
      this.#fill();
    });
  }
}
