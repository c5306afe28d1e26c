import type { NetworkLease, NetworkProvider, NetworkSpec } from '../domain/network.ts';
import type { Egress, EgressLink } from './egress.ts';
import type { NamespaceLease, NamespacePool } from './namespace-pool.ts';

/** Namespaces for sandboxes, which can be connected later: at first nobody knows to what. */
export class SandboxNetworks implements NetworkProvider {
  readonly #pool: Pick<NamespacePool, 'lease'>;
  readonly #egress: Pick<Egress, 'connect'>;

  constructor(pool: Pick<NamespacePool, 'lease'>, egress: Pick<Egress, 'connect'>) {
    this.#pool = pool;
    this.#egress = egress;
  }

  async lease(): Promise<NetworkLease> {
    return new SandboxNetwork(await this.#pool.lease(), this.#egress);
  }
}

class SandboxNetwork implements NetworkLease {
  readonly path: string;
  readonly #namespace: NamespaceLease;
  readonly #egress: Pick<Egress, 'connect'>;
  #link: EgressLink | undefined;

  constructor(namespace: NamespaceLease, egress: Pick<Egress, 'connect'>) {
    this.path = namespace.path;
    this.#namespace = namespace;
    this.#egress = egress;
  }

  async connect(network: NetworkSpec, functionName: string): Promise<void> {
    this.#link = await this.#egress.connect(this.path, network, functionName);
  }

  open(): void {
    this.#link?.open();
  }

  close(): void {
    this.#link?.close();
  }

  /** The namespace goes first, and its interface with it: then its addresses can be another's. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.#namespace[Symbol.asyncDispose]();
    await this.#link?.[Symbol.asyncDispose]();
  }
}
