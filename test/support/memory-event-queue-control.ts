import type {
  DeadLetterFilter,
  EventQueueControl,
  EventQueueState,
} from '../../src/domain/event-queue-control.ts';
import type { InvocationRecord } from '../../src/domain/invocation-record.ts';

/** Event queues as a test fills them; it tells what operators asked for. */
export class MemoryEventQueueControl implements EventQueueControl {
  readonly letters: InvocationRecord[] = [];
  readonly paused = new Set<string>();
  queued = 0;

  async states(functionNames: readonly string[]): Promise<readonly EventQueueState[]> {
    return functionNames.map((functionName) => ({
      functionName,
      isPaused: this.paused.has(functionName),
      queued: this.queued,
      running: 0,
      deadLetters: this.#matching(functionName, { limit: Infinity }).length,
    }));
  }

  async pause(functionName: string): Promise<void> {
    this.paused.add(functionName);
  }

  async resume(functionName: string): Promise<void> {
    this.paused.delete(functionName);
  }

  async deadLetters(
    functionName: string,
    filter: DeadLetterFilter,
  ): Promise<readonly InvocationRecord[]> {
    return this.#matching(functionName, filter);
  }

  async redrive(functionName: string, filter: DeadLetterFilter): Promise<number> {
    return this.#take(functionName, filter);
  }

  async forget(functionName: string, filter: DeadLetterFilter): Promise<number> {
    return this.#take(functionName, filter);
  }

  async cancelQueued(): Promise<number> {
    const { queued } = this;
    this.queued = 0;
    return queued;
  }

  #take(functionName: string, filter: DeadLetterFilter): number {
    const taken = this.#matching(functionName, filter);
    for (const letter of taken) this.letters.splice(this.letters.indexOf(letter), 1);
    return taken.length;
  }

  #matching(
    name: string,
    { ids, reason = '', limit }: DeadLetterFilter,
  ): readonly InvocationRecord[] {
    return this.letters
      .filter(({ functionName }) => functionName === name)
      .filter(({ id }) => ids?.includes(id) ?? true)
      .filter(({ failure }) => failure?.reason.startsWith(reason))
      .slice(0, limit);
  }
}
