/** Where a function may connect to. What nobody listed is refused. */
export interface EgressRule {
  /** `name`: itself, or everything below it when it begins with `*.`. `range`: a CIDR range. */
  readonly to:
    | { readonly kind: 'name'; readonly name: string }
    | { readonly kind: 'range'; readonly range: string }
    | { readonly kind: 'any' };
  readonly protocol: 'tcp' | 'udp';
  /** Both included. A name has one port only. */
  readonly ports: readonly [first: number, last: number];
}

/** What leads to the calls of other functions that a sandbox makes meanwhile. */
export interface CallContext {
  /** W3C Trace Context; absent: no trace, or more than one. */
  readonly traceparent?: string;
  /** Calls of functions by functions so far. */
  readonly depth: number;
}

/** What a function may reach over the network; where all is empty or absent: nothing. */
export interface NetworkSpec {
  readonly egress: readonly EgressRule[];
  /** Functions that it may call as `http://<name>.fn.internal/`; `*` in one is any text. */
  readonly calls?: readonly string[];
  /** Private networks that it is on. */
  readonly networks?: readonly string[];
  /** Bits a second at most, each way, over its interface; absent: what the operator allows. */
  readonly bandwidth?: number;
}

/**
 * A network namespace held for one sandbox. Loopback is up; there is nothing else until it is
 * connected. Dispose to give it up; what runs in it keeps it alive.
 */
export interface NetworkLease extends AsyncDisposable {
  /** A path the OCI runtime can join. */
  readonly path: string;
  /**
   * Gives it what one function may reach; at most once, also while something runs in it. It is
   * closed afterwards. @throws HostError `unavailable` when it cannot be done safely.
   */
  connect(network: NetworkSpec, functionName: string): Promise<void>;
  /**
   * From here on its connections get through. Returns when that is so. When it is open already only
   * the context changes: that of what is served now.
   */
  open(context?: CallContext): void;
  /**
   * Cuts all of its connections: both ends learn of it, and nothing gets through until it is
   * opened again. Harmless when closed or never connected.
   */
  close(): void;
}

export interface NetworkProvider {
  lease(): Promise<NetworkLease>;
}

/** Sockets inside network namespaces, for a host that is not in them. The caller owns what it gets. */
export interface NamespaceSockets {
  /** The descriptor of a socket that listens inside, on 127.0.0.1 where no other is named. */
  listenIn(namespacePath: string, port: number, host?: string): Promise<number>;
  /**
   * The descriptor of a socket that is connected to 127.0.0.1 inside. Never waits for who listens:
   * fails with the code ECONNREFUSED where nobody does, EALREADY where nobody takes it now.
   */
  connectIn(namespacePath: string, port: number): Promise<number>;
}
