import type { FactPublisher } from '../domain/facts.ts';
import type { Service } from '../domain/service.ts';
import { Repeating } from '../lib/repeating.ts';
import { formatIp } from '../lib/ip-range.ts';

/** Refusals told at once, of the whole node; the rest of that time are refused in silence. */
const factsLimit = 100;
const intervalMs = 2000;

const protocols: Readonly<Record<number, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmp6' };

export interface Denial {
  readonly functionName: string;
  /** A host name, or an address. */
  readonly target: string;
  readonly protocol: string;
  readonly port: number;
}

/** Tells what functions tried to reach and were refused: each target once in a while. */
export class DenialLog implements Service {
  readonly name = 'log of denials';
  readonly #facts: FactPublisher;
  readonly #seen = new Map<string, Denial>();
  readonly #reading: Repeating;
  #collect: () => void = () => {};

  constructor(facts: FactPublisher) {
    this.#facts = facts;
    this.#reading = new Repeating(intervalMs, async () => this.tell());
  }

  /** Before each telling, whoever has seen refusals of its own notes them. */
  collectFrom(collect: () => void): void {
    this.#collect = collect;
  }

  async start(): Promise<void> {
    this.#reading.start();
  }

  async stop(): Promise<void> {
    await this.#reading.stop();
    this.tell();
  }

  note(denial: Denial): void {
    if (this.#seen.size >= factsLimit) return;
    this.#seen.set(Object.values(denial).join(' '), denial);
  }

  tell(): void {
    this.#collect();
    for (const denial of this.#seen.values()) this.#facts.publish('policy.denied', denial);
    this.#seen.clear();
  }
}

/**
 * A key of the packet filter's sets of refusals: interface, address, protocol and port, each padded
 * to a multiple of 4 bytes.
 */
export function readDenial(key: Buffer): Omit<Denial, 'functionName'> & { readonly link: string } {
  const link = key.subarray(0, 16).toString().replace(/\0+$/, '');
  const addressBytes = key.length - 16 - 8;
  const address = key.subarray(16, 16 + addressBytes);
  const rest = key.subarray(16 + addressBytes);
  const family = addressBytes === 4 ? 4 : 6;
  return {
    link,
    target: formatIp(family, BigInt(`0x${address.toString('hex')}`)),
    protocol: protocols[rest.readUInt8(0)] ?? String(rest.readUInt8(0)),
    port: rest.readUInt16BE(4),
  };
}
