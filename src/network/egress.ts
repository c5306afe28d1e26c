import { randomInt } from 'node:crypto';
import type { Logger } from '../domain/logger.ts';
import type { NetworkSpec } from '../domain/network.ts';
import type { NetworkDirectory } from '../domain/private-network.ts';
import type { Service } from '../domain/service.ts';
import type { UseTally } from '../domain/usage.ts';
import { ipBytes } from '../lib/ip-range.ts';
import { SingleFlight } from '../lib/single-flight.ts';
import type { NetworkNamespaces } from '../linux/index.ts';
import type { AddressPair } from './address-pool.ts';
import { Connection, routerMac, sandboxMac } from './connection.ts';
import { readDenial, type DenialLog } from './denial-log.ts';
import { allowedBandwidth } from './egress-policy.ts';
import { egressZone } from './dns/egress-zone.ts';
import { privateZone } from './dns/private-zone.ts';
import { QuestionBudget } from './dns/question-budget.ts';
import type { OnRefused, Zone } from './dns/zone.ts';
import {
  prepareNodeNetwork,
  type NetworkSettings,
  type NodeNames,
  type NodeNetwork,
} from './node-network.ts';
import { LinkMeter } from './link-meter.ts';
import { Router } from './router.ts';

export interface EgressOptions {
  readonly nodeId: string;
  readonly settings: NetworkSettings;
  readonly namespaces: NetworkNamespaces;
  /** Where the files of addresses lie; made by its owner. */
  readonly addressesDir: string;
  readonly denials: DenialLog;
  readonly directory: NetworkDirectory;
  readonly usage: UseTally;
  readonly logger: Logger;
}

/** A sandbox's way out; closed until it is opened. Dispose to take it away. */
export interface EgressLink extends AsyncDisposable {
  /** Names that lead somewhere by it. */
  readonly zones: readonly Zone[];
  /** What private names led to is out of reach until it is looked up again. Never throws. */
  withdraw(): void;
  open(): void;
  close(): void;
  /** Tells what has been sent over it by now. Never throws. */
  count(): void;
}

/** Marks of connections begin anywhere, so that those of an earlier worker mean nothing. */
const marks = { least: 1, most: 2 ** 31 } as const;

/**
 * Connects sandboxes to the network, each by a link of its own, under rules that are there before
 * the link is. Nothing is set up before the first function asks for it.
 */
export class Egress implements Service {
  readonly name = 'egress';
  readonly #options: EgressOptions;
  readonly #router: Router;
  readonly #names: NodeNames;
  readonly #preparing = new SingleFlight<'network', NodeNetwork>();
  readonly #functions = new Map<string, string>();
  readonly #links = new Set<EgressLink>();
  readonly #meter: LinkMeter;
  #network: NodeNetwork | undefined;
  #nextLink = 0;
  #nextMark = randomInt(marks.least, marks.most);

  constructor(options: EgressOptions) {
    this.#options = options;
    this.#router = new Router(options.settings.namespace);
    this.#names = namesOf(options.nodeId);
    this.#meter = new LinkMeter(options.usage, options.logger);
    options.denials.collectFrom(() => this.#noteDenials());
    options.directory.onChange(() => this.#links.forEach((link) => link.withdraw()));
  }

  async start(): Promise<void> {
    const { linkPrefix, table } = this.#names;
    try {
      await this.#router.removeLeftovers(linkPrefix, table);
    } catch (error) {
      this.#options.logger.warn({ error }, 'What was left of the network could not be looked for.');
    }
  }

  /** Takes all links away, and the rules last. */
  async stop(): Promise<void> {
    this.#noteDenials();
    const network = this.#network;
    this.#network = undefined;
    await Promise.all([...this.#links].map((link) => link[Symbol.asyncDispose]()));
    await network?.table[Symbol.asyncDispose]();
    this.#meter[Symbol.dispose]();
  }

  /**
   * Gives the namespace an interface.
   * @throws HostError `unavailable`; then the namespace is as it was.
   */
  async connect(
    namespace: string,
    { egress, networks = [], bandwidth }: NetworkSpec,
    functionName: string,
    onRefused: OnRefused,
  ): Promise<EgressLink> {
    const { namespaces, logger } = this.#options;
    const network = await this.#ready();
    const link = `${this.#names.linkPrefix}${(this.#nextLink++).toString(36)}`;
    await using stack = new AsyncDisposableStack();
    const pairs: AddressPair[] = [];
    for (const pool of network.addresses) pairs.push(stack.use(await pool.lease(functionName)));
    const policy = stack.use(await network.table.lease(egress));
    const sockets = stack.use(await namespaces.connectionsSocket(namespace));
    const connection = stack.use(
      new Connection({
        link,
        addresses: pairs,
        chain: policy.chain,
        table: network.table,
        sockets,
        newMark: () => this.#newMark(),
        logger,
      }),
    );
    this.#functions.set(link, functionName);
    stack.defer(() => void this.#functions.delete(link));
    await namespaces.link(this.#router.namespace, namespace, {
      name: link,
      routerMac,
      sandboxMac,
      bandwidth: allowedBandwidth(bandwidth, this.#options.settings.bandwidth),
      addresses: pairs.map(({ family, router, sandbox }) => ({
        family,
        router: ipBytes(family, router),
        sandbox: ipBytes(family, sandbox),
      })),
    });
    const { directory } = this.#options;
    const budget = new QuestionBudget();
    const zones = [
      privateZone({
        ...network,
        budget,
        networks,
        directory,
        permit: (addresses, port, ttl) => connection.permit('private', addresses, [port], ttl),
        onRefused,
      }),
      egressZone({
        ...network,
        budget,
        rules: egress,
        permit: (...what) => connection.permit('resolved', ...what),
        onRefused,
      }),
    ];
    this.#meter.follow(link, functionName);
    stack.defer(() => this.#meter.forget(link));
    return this.#keep(link, connection, zones, stack.move());
  }

  #keep(
    name: string,
    connection: Connection,
    zones: readonly Zone[],
    resources: AsyncDisposableStack,
  ): EgressLink {
    const link: EgressLink = {
      zones,
      open: () => connection.open(),
      close: () => connection.close(),
      withdraw: () => connection.withdraw(),
      count: () => this.#meter.count(name),
      [Symbol.asyncDispose]: async () => {
        this.#links.delete(link);
        await resources.disposeAsync();
      },
    };
    this.#links.add(link);
    return link;
  }

  /** What the packet filter has refused since the last time. */
  #noteDenials(): void {
    const table = this.#network?.table;
    if (!table) return;
    for (const key of [...table.take('denials4'), ...table.take('denials6')]) {
      const { link, ...target } = readDenial(key);
      const functionName = this.#functions.get(link);
      if (functionName !== undefined) this.#options.denials.note({ functionName, ...target });
    }
  }

  /** Rules that somebody removed are loaded anew; whoever relied on them gets nothing through. */
  async #ready(): Promise<NodeNetwork> {
    if (this.#network?.table.isLost === false) return this.#network;
    return await this.#preparing.run('network', async () => {
      const { settings, namespaces, addressesDir } = this.#options;
      const network = await prepareNodeNetwork({
        router: this.#router,
        settings,
        names: this.#names,
        addressesDir,
        namespaces,
      });
      this.#meter.use(await namespaces.linksSocket(this.#router.namespace));
      await this.#network?.table[Symbol.asyncDispose]();
      this.#network = network;
      return network;
    });
  }

  #newMark(): number {
    this.#nextMark = this.#nextMark >= marks.most ? marks.least : this.#nextMark + 1;
    return this.#nextMark;
  }
}

/** Short: the kernel takes 15 bytes for the name of an interface. */
function namesOf(nodeId: string): NodeNames {
  const hex = nodeId.replaceAll(/[^0-9a-f]/g, '');
  return { table: `hearth_${hex.slice(0, 16)}`, linkPrefix: `h${hex.slice(0, 6)}` };
}
