import type { FunctionCaller } from '../domain/function-caller.ts';
import type {
  CallContext,
  NamespaceSockets,
  NetworkLease,
  NetworkProvider,
  NetworkSpec,
} from '../domain/network.ts';
import { CallsDoor, callsAddress } from './calls-door.ts';
import { callsZone } from './dns/calls-zone.ts';
import { needsDoor, needsLink, needsNames } from './egress-policy.ts';
import type { Egress, EgressLink } from './egress.ts';
import type { NamespaceLease, NamespacePool } from './namespace-pool.ts';
import type { SandboxNames } from './sandbox-names.ts';

export interface SandboxNetworksOptions {
  readonly pool: Pick<NamespacePool, 'lease'>;
  readonly egress: Pick<Egress, 'connect'>;
  readonly names: Pick<SandboxNames, 'serve' | 'refusing'>;
  readonly sockets: Pick<NamespaceSockets, 'listenIn'>;
  /** A Unix socket: where the gateway takes calls of functions. */
  readonly gatewayPath: string;
}

/** Namespaces for sandboxes, which can be connected later: at first nobody knows to what. */
export class SandboxNetworks implements NetworkProvider {
  readonly #options: SandboxNetworksOptions;

  constructor(options: SandboxNetworksOptions) {
    this.#options = options;
  }

  async lease(): Promise<NetworkLease> {
    return new SandboxNetwork(await this.#options.pool.lease(), this.#options);
  }
}

class SandboxNetwork implements NetworkLease {
  readonly path: string;
  readonly #namespace: NamespaceLease;
  readonly #options: SandboxNetworksOptions;
  #link: EgressLink | undefined;
  #door: CallsDoor | undefined;
  #names: AsyncDisposable | undefined;
  #isOpen = false;

  constructor(namespace: NamespaceLease, options: SandboxNetworksOptions) {
    this.path = namespace.path;
    this.#namespace = namespace;
    this.#options = options;
  }

  /** What was set up before a failure goes with the lease. */
  async connect(network: NetworkSpec, functionName: string): Promise<void> {
    const { egress, names } = this.#options;
    const { calls = [], networks = [] } = network;
    const onRefused = names.refusing(functionName);
    if (needsDoor(network)) this.#door = await this.#openDoor({ functionName, calls, networks });
    if (needsLink(network)) {
      this.#link = await egress.connect(this.path, network, functionName, onRefused);
    }
    if (!needsNames(network)) return;
    const zones = [callsZone(calls, onRefused), ...(this.#link?.zones ?? [])];
    this.#names = await names.serve(this.path, functionName, zones, () => this.#isOpen);
  }

  open(context: CallContext = { depth: 0 }): void {
    this.#link?.open();
    this.#door?.open(context);
    this.#isOpen = true;
  }

  close(): void {
    this.#isOpen = false;
    this.#door?.close();
    this.#link?.close();
  }

  /** The namespace goes first, and its interface with it: then its addresses can be another's. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    this.#link?.count();
    await this.#namespace[Symbol.asyncDispose]();
    await this.#names?.[Symbol.asyncDispose]();
    await this.#door?.[Symbol.asyncDispose]();
    await this.#link?.[Symbol.asyncDispose]();
  }

  async #openDoor(caller: Omit<FunctionCaller, keyof CallContext>): Promise<CallsDoor> {
    const { sockets, gatewayPath } = this.#options;
    const { host, port } = callsAddress;
    const door = new CallsDoor(gatewayPath, caller);
    await door.listen(await sockets.listenIn(this.path, port, host));
    return door;
  }
}
