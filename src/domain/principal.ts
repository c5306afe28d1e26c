/** Who calls, once their key has checked out. */
export interface Principal {
  /** The key's id: its part that is not secret, fit for logs. */
  readonly id: string;
}

/** Decides who may call the routes that need a key. */
export interface Authenticator {
  /**
   * `authorization` is the header's value as received (`Bearer id:secret`), undefined without one.
   * `undefined` means: no key, or one that does not check out; the two are not told apart. Takes
   * the same time for every wrong key. Never throws.
   */
  authenticate(authorization: string | undefined): Principal | undefined;
}
