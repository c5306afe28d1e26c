/** A network namespace held for one sandbox. Dispose to give it up; what runs in it keeps it alive. */
export interface NetworkLease extends AsyncDisposable {
  /** A path the OCI runtime can join. Loopback is up; there is nothing else. */
  readonly path: string;
}

export interface NetworkProvider {
  lease(): Promise<NetworkLease>;
}

/** Sockets inside network namespaces, for a host that is not in them. The caller owns what it gets. */
export interface NamespaceSockets {
  /** The descriptor of a socket that listens on 127.0.0.1 inside. */
  listenIn(namespacePath: string, port: number): Promise<number>;
  /**
   * The descriptor of a socket that is connected to 127.0.0.1 inside. Never waits for who listens:
   * fails with the code ECONNREFUSED where nobody does, EALREADY where nobody takes it now.
   */
  connectIn(namespacePath: string, port: number): Promise<number>;
}
