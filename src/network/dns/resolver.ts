import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { isIPv4, isIPv6, Socket } from 'node:net';
import { decode, encode, RECURSION_DESIRED, TRUNCATED_RESPONSE, type Packet } from 'dns-packet';
import { HostError } from '../../domain/errors.ts';
import { ipBytes, parseIpRange, type IpFamily } from '../../lib/ip-range.ts';
import { SingleFlight } from '../../lib/single-flight.ts';
import { withLength } from './with-length.ts';

export interface DnsServer {
  readonly address: string;
  readonly port: number;
}

const dnsPort = 53;

/** Those of a machine's `resolv.conf`. */
export function hostNameServers(resolvConf: string): readonly DnsServer[] {
  return [...resolvConf.matchAll(/^\s*nameserver\s+([0-9a-fA-F.:]+)\s*$/gm)].map(
    ([, address = '']) => ({ address, port: dnsPort }),
  );
}

export interface ResolverOptions {
  /** Asked in this order until one answers. */
  readonly servers: readonly DnsServer[];
  /** Makes a socket from which they can be reached; the caller owns it. */
  readonly newSocket: (family: IpFamily) => Promise<number>;
  /** Makes a socket that is being connected; the caller owns it. */
  readonly dial: (to: {
    readonly family: IpFamily;
    readonly bytes: Uint8Array;
    readonly port: number;
  }) => Promise<number>;
}

/** What a name has of one family; none: it does not exist, or has none. */
export interface Resolved {
  readonly exists: boolean;
  readonly addresses: readonly string[];
  readonly ttlSeconds: number;
}

const answerLimitMs = 2000;
const cacheLimit = 10_000;
const ttlBounds = { least: 5, most: 300 } as const; // seconds
const addressesLimit = 16; // an answer fits into the smallest datagram
const aliasesLimit = 8;
const nameNotFound = 3; // NXDOMAIN
const recordTypes = { 4: 'A', 6: 'AAAA' } as const;

interface Remembered {
  readonly resolved: Resolved;
  readonly untilMs: number;
}

/** Looks names up for the whole node, and remembers the answers for their time to live. */
export class Resolver {
  readonly #options: ResolverOptions;
  readonly #cache = new Map<string, Remembered>();
  readonly #flights = new SingleFlight<string, Resolved>();

  constructor(options: ResolverOptions) {
    this.#options = options;
  }

  /** @throws HostError `unavailable` when no server gave an answer. */
  async resolve(name: string, family: IpFamily): Promise<Resolved> {
    const key = `${name}/${family}`;
    const known = this.#cache.get(key);
    const leftMs = (known?.untilMs ?? 0) - Date.now();
    if (known && leftMs > 0) {
      return { ...known.resolved, ttlSeconds: Math.ceil(leftMs / 1000) };
    }
    return await this.#flights.run(key, async () => {
      const resolved = await this.#ask(name, family);
      this.#remember(key, resolved);
      return resolved;
    });
  }

  #remember(key: string, resolved: Resolved): void {
    this.#cache.delete(key);
    this.#cache.set(key, { resolved, untilMs: Date.now() + resolved.ttlSeconds * 1000 });
    const [oldest] = this.#cache.keys();
    if (this.#cache.size > cacheLimit && oldest !== undefined) this.#cache.delete(oldest);
  }

  async #ask(name: string, family: IpFamily): Promise<Resolved> {
    let cause: unknown;
    for (const server of this.#options.servers) {
      try {
        const short = await this.#exchange(server, name, family);
        const isCut = ((short.flags ?? 0) & TRUNCATED_RESPONSE) !== 0;
        const packet = isCut ? await this.#converse(server, name, family) : short;
        return readAnswer(packet, name, family);
      } catch (error) {
        cause = error;
      }
    }
    throw new HostError(
      'unavailable',
      'dns.no_answer',
      `No DNS server answered for ${name}: check HEARTH_DNS.`,
      { cause },
    );
  }

  /** A port and a number of its own for each question, so that nobody can guess both. */
  async #exchange(server: DnsServer, name: string, family: IpFamily): Promise<Packet> {
    const serverFamily = isIPv6(server.address) ? 6 : 4;
    const fd = await this.#options.newSocket(serverFamily);
    const socket = createSocket(serverFamily === 6 ? 'udp6' : 'udp4');
    const { id, query } = questionFor(name, family);
    const { promise, resolve, reject } = Promise.withResolvers<Packet>();
    const timer = setTimeout(() => reject(new Error('no answer in time')), answerLimitMs);
    socket.on('error', reject);
    socket.on('message', (bytes, { address, port }) => {
      if (address !== server.address || port !== server.port) return;
      const packet = answerTo(id, name, bytes);
      if (packet) resolve(packet);
    });
    socket.bind({ fd });
    socket.send(query, server.port, server.address, (error) => error && reject(error));
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      socket.close();
    }
  }

  /** Over TCP, for an answer that is longer than a datagram. Each message has its length before it. */
  async #converse(server: DnsServer, name: string, family: IpFamily): Promise<Packet> {
    const address = parseIpRange(server.address);
    if (!address) throw new TypeError(`${server.address} is no address`);
    const bytes = ipBytes(address.family, address.first);
    const fd = await this.#options.dial({ family: address.family, bytes, port: server.port });
    const socket = new Socket({ fd, readable: true, writable: true });
    socket.setTimeout(answerLimitMs, () => socket.destroy(new Error('no answer in time')));
    const { id, query } = questionFor(name, family);
    try {
      socket.write(withLength(query));
      let received = Buffer.alloc(0);
      for await (const piece of socket as AsyncIterable<Buffer>) {
        received = Buffer.concat([received, piece]);
        if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) continue;
        const packet = answerTo(id, name, received.subarray(2, 2 + received.readUInt16BE(0)));
        if (packet) return packet;
        break;
      }
      throw new Error('the server broke off');
    } finally {
      socket.destroy();
    }
  }
}

function questionFor(name: string, family: IpFamily): { id: number; query: Buffer } {
  const id = randomInt(65_536);
  const question = { type: recordTypes[family], name, class: 'IN' } as const;
  return {
    id,
    query: encode({ type: 'query', id, flags: RECURSION_DESIRED, questions: [question] }),
  };
}

/** Undefined for what is no answer to that question. */
function answerTo(id: number, name: string, bytes: Buffer): Packet | undefined {
  const packet = decoded(bytes);
  return packet?.type === 'response' && packet.id === id && isAbout(packet, name)
    ? packet
    : undefined;
}

function isAbout({ questions = [] }: Packet, name: string): boolean {
  return questions.length === 1 && questions[0]?.name.toLowerCase() === name;
}

function decoded(bytes: Buffer): Packet | undefined {
  try {
    return decode(bytes);
  } catch {
    return undefined; // not DNS: as good as nothing
  }
}

/** @throws Error when the server could not say. */
function readAnswer(packet: Packet, name: string, family: IpFamily): Resolved {
  const code = (packet.flags ?? 0) & 0xf;
  if (code === nameNotFound) {
    return { exists: false, addresses: [], ttlSeconds: ttlBounds.least };
  }
  if (code !== 0) throw new Error(`the server answered with code ${code}`);
  const answers = packet.answers ?? [];
  const names = namesOf(answers, name);
  const isAddress = family === 4 ? isIPv4 : isIPv6;
  const records = answers.flatMap((answer) =>
    answer.type === recordTypes[family] &&
    names.has(answer.name.toLowerCase()) &&
    isAddress(answer.data)
      ? [{ address: answer.data, ttl: answer.ttl ?? 0 }]
      : [],
  );
  const ttl = Math.min(ttlBounds.most, ...records.map((record) => record.ttl));
  return {
    exists: true,
    addresses: records.slice(0, addressesLimit).map(({ address }) => address),
    ttlSeconds: records.length === 0 ? ttlBounds.least : Math.max(ttlBounds.least, ttl),
  };
}

/** The name and what it is an alias of, as far as this answer tells. */
function namesOf(answers: NonNullable<Packet['answers']>, name: string): ReadonlySet<string> {
  const names = new Set([name]);
  let last = name;
  for (let i = 0; i < aliasesLimit; i++) {
    const alias = answers.find(
      (answer) => answer.type === 'CNAME' && answer.name.toLowerCase() === last,
    );
    if (alias?.type !== 'CNAME') break;
    last = alias.data.toLowerCase();
    names.add(last);
  }
  return names;
}
