import type { IpFamily } from '../../lib/ip-range.ts';
import { callsAddress } from '../calls-door.ts';
import type { Resolved } from './resolver.ts';

/** A part of the names that a sandbox may look up. */
export interface Zone {
  /**
   * Undefined: not one of its names. Without a family, only whether the name is there is asked.
   * @throws HostError `unavailable` when it cannot be found out now, `throttled` when it is asked for
   *   too much.
   */
  resolve(name: string, family: IpFamily | undefined): Promise<Resolved> | undefined;
}

/** Told of what a name was refused for: itself, or an address that it has. */
export type OnRefused = (name: string, why: 'name' | 'address') => void;

/** For how long clients remember what may change at any time. */
const shortTtlSeconds = 5;

export const notThere: Resolved = { exists: false, addresses: [], ttlSeconds: shortTtlSeconds };

export const withAddresses = (addresses: readonly string[]): Resolved => ({
  exists: true,
  addresses,
  ttlSeconds: shortTtlSeconds,
});

/** Functions are all behind one door, which has an address of one family. */
export const atCallsDoor = (family: IpFamily | undefined): Resolved =>
  withAddresses(family === 4 ? [callsAddress.host] : []);
