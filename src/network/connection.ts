import { endConnections, type NetlinkSocket, type SetElement } from '../linux/index.ts';
import type { Logger } from '../domain/logger.ts';
import { ipBytes, parseIpRange, type IpFamily } from '../lib/ip-range.ts';
import type { AllowedPort } from './egress-policy.ts';
import type { RuleTable } from './rule-table.ts';

/** Of the interface at the router's end, and of the sandbox's: there is nobody else on the link. */
export const routerMac = Buffer.from([2, 0, 0, 0, 0, 1]);
export const sandboxMac = Buffer.from([2, 0, 0, 0, 0, 2]);

/** The kernel lets a new connection begin for so much longer than the function was told. */
const graceMs = 5000;

/** Of what private names permit; past it what was permitted is asked for anew. */
const privateLimit = 1024;

const protocolNumbers = { tcp: 6, udp: 17 } as const;

export interface ConnectionOptions {
  /** Its interface in the router. */
  readonly link: string;
  readonly addresses: readonly { readonly family: IpFamily; readonly sandbox: bigint }[];
  /** Of the function's rules that name addresses. */
  readonly chain: string | undefined;
  readonly table: RuleTable;
  /** Of the sandbox's namespace; disposed of with this. */
  readonly sockets: NetlinkSocket;
  /** Never the same twice. */
  readonly newMark: () => number;
  readonly logger: Logger;
}

/**
 * One sandbox in the packet filter. Each opening has a mark of its own, which its connections bear
 * for their life: once closed, nothing that bears it gets through any more, in either direction.
 */
export class Connection implements Disposable {
  readonly #options: ConnectionOptions;
  /** Permitted by private names, by their keys. */
  readonly #private = new Map<string, SetElement>();
  #mark: number | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    options.table.change(this.#identity().map((element) => ({ change: 'add', element })));
  }

  get isOpen(): boolean {
    return this.#mark !== undefined;
  }

  /** @throws HostError `unavailable` when the rules are lost: then nothing gets through. */
  open(): void {
    if (this.#mark !== undefined) return;
    const mark = this.#options.newMark();
    this.#options.table.change(this.#opening(mark).map((element) => ({ change: 'add', element })));
    this.#mark = mark;
  }

  /** First both ends learn of it, then nothing gets through. Never throws. */
  close(): void {
    const { table, sockets } = this.#options;
    const mark = this.#mark;
    if (mark === undefined) return;
    this.#mark = undefined;
    this.#attempt(() => {
      // Where none has begun there is none to end: looking for them costs more than all the rest.
      if (table.forget(this.#counter())) endConnections(sockets);
    });
    this.#attempt(() =>
      table.change(this.#opening(mark).map((element) => ({ change: 'delete', element }))),
    );
    if (table.isLost) this.#attempt(() => endConnections(sockets));
  }

  /** Lets it connect to what a name resolved to; a private one also where others may not. */
  permit(
    by: 'resolved' | 'private',
    addresses: readonly string[],
    ports: readonly AllowedPort[],
    ttlSeconds: number,
  ): void {
    const elements = addresses.flatMap((text): SetElement[] => {
      const address = parseIpRange(text);
      if (!address) return [];
      return ports.map(({ protocol, port }) => ({
        set: `${by}${address.family}`,
        key: [
          { type: 'ifname', value: this.#options.link },
          { type: 'address', value: ipBytes(address.family, address.first) },
          { type: 'inet_proto', value: protocolNumbers[protocol] },
          { type: 'inet_service', value: port },
        ],
        timeoutMs: ttlSeconds * 1000 + graceMs,
      }));
    });
    if (elements.length === 0) return;
    if (by === 'private') this.#remember(elements);
    // Older kernels do not prolong what is there: it is added so that it can be deleted.
    this.#options.table.change(
      elements.flatMap((element) =>
        (['add', 'delete', 'add'] as const).map((change) => ({ change, element })),
      ),
    );
  }

  /** Takes back what private names permitted. What is connected stays so until it is closed. */
  withdraw(): void {
    const elements = [...this.#private.values()];
    this.#private.clear();
    if (elements.length === 0 || this.#options.table.isLost) return;
    // The kernel may have removed some by itself: each is added so that it can be deleted.
    const changes = elements.flatMap((element) =>
      (['add', 'delete'] as const).map((change) => ({ change, element })),
    );
    this.#attempt(() => this.#options.table.change(changes));
  }

  #remember(elements: readonly SetElement[]): void {
    if (this.#private.size + elements.length > privateLimit) this.withdraw();
    for (const element of elements) this.#private.set(JSON.stringify(element.key), element);
  }

  [Symbol.dispose](): void {
    const { table, sockets } = this.#options;
    this.close();
    if (!table.isLost) {
      this.#attempt(() =>
        table.change(this.#identity().map((element) => ({ change: 'delete', element }))),
      );
      this.#attempt(() => table.forget(this.#counter()));
    }
    sockets[Symbol.dispose]();
  }

  /** What makes a packet this sandbox's, and which rules it has. */
  #identity(): SetElement[] {
    const { addresses, chain } = this.#options;
    const sources = addresses.map(({ family, sandbox }): SetElement => ({
      set: `source${family}`,
      key: [
        this.#name(),
        { type: 'address', value: sandboxMac },
        { type: 'address', value: ipBytes(family, sandbox) },
      ],
    }));
    if (chain === undefined) return sources;
    return [...sources, { set: 'policies', key: [this.#name()], data: { goto: chain } }];
  }

  #opening(mark: number): SetElement[] {
    const value = { type: 'mark', value: mark } as const;
    return [
      { set: 'open', key: [this.#name(), value] },
      { set: 'marks', key: [this.#name()], data: value },
    ];
  }

  /** The kernel's own, made by a rule when a connection begins. */
  #counter(): SetElement {
    return { set: 'connections', key: [this.#name()] };
  }

  #name() {
    return { type: 'ifname', value: this.#options.link } as const;
  }

  #attempt(step: () => unknown): void {
    try {
      step();
    } catch (error) {
      this.#options.logger.error(
        { error, link: this.#options.link },
        'A link was not closed well.',
      );
    }
  }
}
