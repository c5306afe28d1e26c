import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { RunningHost } from '../support/running-host.ts';

export const hostileFunction = (name: string): string =>
  fileURLToPath(new URL(`functions/${name}`, import.meta.url));

/** Calls a good function over and over while something else goes on. */
export class Bystander {
  readonly #host: RunningHost;

  constructor(host: RunningHost) {
    this.#host = host;
  }

  async deploy(): Promise<void> {
    const { exitCode, stderr } = await this.#host.hearth('deploy', hostileFunction('bystander'));
    expect(exitCode, stderr).toBe(0);
  }

  /**
   * What the action gives. Every call of the bystander beside it has to be answered well; how fast
   * they were is printed, for a machine that is quiet enough to make something of it.
   */
  async beside<T>(what: string, action: Promise<T>): Promise<T> {
    const over = new AbortController();
    const result = action.finally(() => over.abort());
    const latenciesMs: number[] = [];
    do {
      const started = performance.now();
      const answer = await this.#host.fetch('/fn/bystander');
      expect([answer.status, await answer.text()], `a bystander of ${what}`).toEqual([200, 'here']);
      latenciesMs.push(performance.now() - started);
    } while (!over.signal.aborted);
    console.log(`${what}: ${describe(latenciesMs)}`);
    return await result;
  }
}

function describe(latenciesMs: readonly number[]): string {
  const sorted = latenciesMs.toSorted((a, b) => a - b);
  const at = (share: number) => (sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(1);
  return `${sorted.length} calls beside it, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`;
}
