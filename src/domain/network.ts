/** A network namespace held for one sandbox. Dispose to give it up; what runs in it keeps it alive. */
export interface NetworkLease extends AsyncDisposable {
  /** A path the OCI runtime can join. Loopback is up; there is nothing else. */
  readonly path: string;
}

export interface NetworkProvider {
  lease(): Promise<NetworkLease>;
}
