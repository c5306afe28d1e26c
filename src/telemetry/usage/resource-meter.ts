import type { FactPublisher } from '../../domain/facts.ts';
import type { Service } from '../../domain/service.ts';
import type { ResourceUse, UseTally } from '../../domain/usage.ts';
import { Repeating } from '../../lib/repeating.ts';

/** POLICY: a fact a function in so long; a worker that is killed leaves that much untold. */
const intervalMs = 10_000;

/** Tells once in a while what the sandboxes of each function on this node have used. */
export class ResourceMeter implements UseTally, Service {
  readonly name = 'resource meter';
  readonly #facts: FactPublisher;
  readonly #telling: Repeating;
  readonly #collectors: (() => void)[] = [];
  /** Of functions that ran since the last time. */
  #used = new Map<string, ResourceUse>();

  constructor(facts: FactPublisher) {
    this.#facts = facts;
    this.#telling = new Repeating(intervalMs, async () => this.tell());
  }

  collectFrom(collect: () => void): void {
    this.#collectors.push(collect);
  }

  async start(): Promise<void> {
    this.#telling.start();
  }

  /** After all sandboxes are gone: it tells the rest. */
  async stop(): Promise<void> {
    await this.#telling.stop();
    this.tell();
  }

  add(functionName: string, { cpuMs = 0, egressBytes = 0 }: Partial<ResourceUse>): void {
    const before = this.#used.get(functionName) ?? { cpuMs: 0, egressBytes: 0 };
    this.#used.set(functionName, {
      cpuMs: before.cpuMs + cpuMs,
      egressBytes: before.egressBytes + egressBytes,
    });
  }

  tell(): void {
    for (const collect of this.#collectors) collect();
    const used = this.#used;
    this.#used = new Map();
    for (const [functionName, use] of used) {
      this.#facts.publish('usage.measured', { functionName, ...use });
    }
  }
}
