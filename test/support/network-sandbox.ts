import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';
import type { NetworkLease } from '../../src/domain/network.ts';

/** A leased network with a process in it that does what it is told. */
export interface NetworkSandbox extends AsyncDisposable {
  readonly network: NetworkLease;
  /** Runs one command of the client and gives its answer. */
  ask(...command: string[]): Promise<string>;
  /** Runs a program in there, as an attacker with more rights than any function has. */
  run(...command: string[]): void;
  /** Waits until the client has said it by itself. */
  hears(event: string): Promise<void>;
}

const script = fileURLToPath(new URL('network-client.ts', import.meta.url));

export async function enterNetwork(network: NetworkLease): Promise<NetworkSandbox> {
  const child = spawn('nsenter', [`--net=${network.path}`, '--', process.execPath, script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const answers: string[] = [];
  const events: string[] = [];
  createInterface(child.stdout).on('line', (line) => {
    if (line.startsWith('answer ')) answers.push(line.slice('answer '.length));
    else events.push(line);
  });
  return {
    network,
    ask: async (...command) => {
      child.stdin.write(`${command.join(' ')}\n`);
      return await vi.waitUntil(() => answers.shift(), { timeout: 20_000, interval: 5 });
    },
    run: (...command) => void execFileSync('nsenter', [`--net=${network.path}`, '--', ...command]),
    hears: async (event) => {
      await vi.waitUntil(() => events.includes(event), { timeout: 20_000, interval: 5 });
    },
    [Symbol.asyncDispose]: async () => {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
      await network[Symbol.asyncDispose]();
    },
  };
}
