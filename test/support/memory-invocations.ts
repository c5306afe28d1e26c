import type { AsyncInvocation, AsyncInvoker } from '../../src/domain/event-queue.ts';
import type { InvocationId } from '../../src/domain/ids.ts';
import { isEnded, type InvocationRecord } from '../../src/domain/invocation-record.ts';
import type { InvocationRecords } from '../../src/domain/invocation-records.ts';
import { accepted, cancelled } from '../../src/queue/attempt-policy.ts';

/** Asynchronous invocations in memory, which nobody runs: a test says how they end. */
export class MemoryInvocations implements AsyncInvoker, InvocationRecords {
  readonly enqueued: AsyncInvocation[] = [];
  readonly #records = new Map<InvocationId, InvocationRecord>();
  readonly #answers = new Map<InvocationId, Uint8Array>();
  #changed = Promise.withResolvers<void>();

  async enqueue(invocation: AsyncInvocation): Promise<boolean> {
    if (this.#records.has(invocation.id)) return false;
    this.enqueued.push(invocation);
    this.#records.set(invocation.id, accepted(invocation, Date.now()));
    return true;
  }

  /** Makes it end, or anything else happen to it. */
  change(id: InvocationId, changes: Partial<InvocationRecord>, answer?: string): void {
    const record = this.#records.get(id);
    if (!record) throw new Error(`There is no invocation ${id}.`);
    this.#records.set(id, { ...record, ...changes });
    if (answer !== undefined) this.#answers.set(id, Buffer.from(answer));
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  async get(id: InvocationId): Promise<InvocationRecord | undefined> {
    return this.#records.get(id);
  }

  async body(id: InvocationId): Promise<Uint8Array | undefined> {
    return this.enqueued.find((invocation) => invocation.id === id)?.body;
  }

  async answer(id: InvocationId): Promise<Uint8Array | undefined> {
    return this.#answers.get(id);
  }

  async whenEnded(id: InvocationId, signal: AbortSignal): Promise<InvocationRecord | undefined> {
    let last: InvocationRecord | undefined;
    for await (const record of this.changes(id, signal)) last = record;
    return last;
  }

  async *changes(id: InvocationId, signal: AbortSignal): AsyncGenerator<InvocationRecord> {
    const aborted = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    for (;;) {
      const record = this.#records.get(id);
      if (!record) return;
      yield record;
      if (isEnded(record.state) || signal.aborted) return;
      await Promise.race([this.#changed.promise, aborted]);
    }
  }

  async cancel(id: InvocationId): Promise<InvocationRecord | undefined> {
    const record = this.#records.get(id);
    if (record) this.change(id, cancelled(record, Date.now()));
    return this.#records.get(id);
  }
}
