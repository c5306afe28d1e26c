import type { StoredRecord } from './record-store.ts';

/** Something outside the sandboxes that functions on a network reach as `<name>.<network>.internal`. */
export interface NetworkEndpoint {
  readonly name: string;
  /** An address, or a name that the node's DNS servers know. */
  readonly host: string;
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
}

/** A private network: its endpoints, and the functions that name it in their settings. */
export interface NetworkRecord extends StoredRecord {
  readonly endpoints: readonly NetworkEndpoint[];
  /** ISO 8601. */
  readonly createdAt: string;
}

/** Who is on which private network, as of now. */
export interface NetworkDirectory {
  endpoint(network: string, name: string): NetworkEndpoint | undefined;
  hasFunction(network: string, functionName: string): boolean;
  /** After each change of any endpoint; for good. */
  onChange(listener: () => void): void;
}

/** Management of private networks. All throw HostError `not_found` for what there is not. */
export interface PrivateNetworks {
  /** @throws HostError `invalid` for a name that cannot be one, `conflict` when it exists. */
  create(name: string): Promise<NetworkRecord>;
  /**
   * Adds an endpoint, or changes the one of that name. @throws HostError `invalid` for one that no
   * function could reach.
   */
  attach(network: string, endpoint: NetworkEndpoint): Promise<NetworkRecord>;
  detach(network: string, endpoint: string): Promise<NetworkRecord>;
  /** Functions that name it stay, and reach nothing by it. */
  remove(name: string): Promise<void>;
}
