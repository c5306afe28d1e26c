import { randomInt } from 'node:crypto';
import type { FactPublisher } from '../domain/facts.ts';
import type { Logger } from '../domain/logger.ts';
import type { NetworkSpec } from '../domain/network.ts';
import type { Service } from '../domain/service.ts';
import { ipBytes } from '../lib/ip-range.ts';
import { SingleFlight } from '../lib/single-flight.ts';
import type { NetworkNamespaces } from '../linux/index.ts';
import type { AddressPair } from './address-pool.ts';
import { Connection, routerMac, sandboxMac } from './connection.ts';
import { DenialLog } from './denial-log.ts';
import { NameServer } from './dns/name-server.ts';
import { nameServerAddress, serveNames } from './dns/name-sockets.ts';
import { needsNames } from './egress-policy.ts';
import {
  prepareNodeNetwork,
  type NetworkSettings,
  type NodeNames,
  type NodeNetwork,
} from './node-network.ts';
import { Router } from './router.ts';

export interface EgressOptions {
  readonly nodeId: string;
  readonly settings: NetworkSettings;
  readonly namespaces: NetworkNamespaces;
  /** Where the files of addresses lie; made by its owner. */
  readonly addressesDir: string;
  readonly facts: FactPublisher;
  readonly logger: Logger;
}

/** A sandbox's way out; closed until it is opened. Dispose to take it away. */
export interface EgressLink extends AsyncDisposable {
  open(): void;
  close(): void;
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
  readonly #denials: DenialLog;
  #network: NodeNetwork | undefined;
  #nextLink = 0;
  #nextMark = randomInt(marks.least, marks.most);

  constructor(options: EgressOptions) {
    this.#options = options;
    this.#router = new Router(options.settings.namespace);
    this.#names = namesOf(options.nodeId);
    this.#denials = new DenialLog(options.facts, {
      take: () => {
        const table = this.#network?.table;
        return table ? [...table.take('denials4'), ...table.take('denials6')] : [];
      },
      functionOf: (link) => this.#functions.get(link),
    });
  }

  async start(): Promise<void> {
    const { linkPrefix, table } = this.#names;
    try {
      await this.#router.removeLeftovers(linkPrefix, table);
    } catch (error) {
      this.#options.logger.warn({ error }, 'What was left of the network could not be looked for.');
    }
    this.#denials.start();
  }

  /** Takes all links away, and the rules last. */
  async stop(): Promise<void> {
    await this.#denials.stop();
    await Promise.all([...this.#links].map((link) => link[Symbol.asyncDispose]()));
    await this.#network?.table[Symbol.asyncDispose]();
  }

  /**
   * Gives the namespace an interface, and names where the rules have any.
   * @throws HostError `unavailable`; then the namespace is as it was.
   */
  async connect(
    namespace: string,
    { egress }: NetworkSpec,
    functionName: string,
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
      addresses: pairs.map(({ family, router, sandbox }) => ({
        family,
        router: ipBytes(family, router),
        sandbox: ipBytes(family, sandbox),
      })),
    });
    if (needsNames(egress)) {
      stack.use(await this.#serveNames(namespace, network, connection, egress, functionName));
    }
    return this.#keep(connection, stack.move());
  }

  async #serveNames(
    namespace: string,
    { resolver, families, isBlocked }: NodeNetwork,
    connection: Connection,
    rules: NetworkSpec['egress'],
    functionName: string,
  ): Promise<AsyncDisposable> {
    const { namespaces, logger } = this.#options;
    const nameServer = new NameServer({
      rules,
      resolver,
      families,
      isBlocked,
      isOpen: () => connection.isOpen,
      permit: (...what) => connection.permit(...what),
      onRefused: (target) =>
        this.#denials.note({ functionName, target, protocol: 'dns', port: nameServerAddress.port }),
      onFailed: (error) => logger.warn({ functionName, error }, 'A name could not be resolved.'),
      now: () => performance.now(),
    });
    const [datagrams, listener] = await Promise.all([
      namespaces.datagramsIn(namespace, nameServerAddress),
      namespaces.listenIn(namespace, nameServerAddress.port, nameServerAddress.host),
    ]);
    return await serveNames({ datagrams, listener }, (message) => nameServer.answer(message));
  }

  #keep(connection: Connection, resources: AsyncDisposableStack): EgressLink {
    const link: EgressLink = {
      open: () => connection.open(),
      close: () => connection.close(),
      [Symbol.asyncDispose]: async () => {
        this.#links.delete(link);
        await resources.disposeAsync();
      },
    };
    this.#links.add(link);
    return link;
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
