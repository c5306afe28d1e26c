import type { NodeInfo } from '../domain/node.ts';
import type { Service } from '../domain/service.ts';
import type { RedisConnectionOptions } from '../lib/redis-connection.ts';
import { RedisNodeDirectory } from '../orchestration/node-directory.ts';
import { placeFunction } from '../orchestration/placement-policy.ts';
import { Standby, type StandbyOptions } from '../worker/standby.ts';

export interface StandbyPartsOptions extends Omit<StandbyOptions, 'isOurs'> {
  readonly node: NodeInfo;
  readonly fast: RedisConnectionOptions;
}

/** What keeps things ready on a node, once the functions are known: it follows which nodes live. */
export function standbyOf(options: StandbyPartsOptions): readonly Service[] {
  const { node, fast } = options;
  const nodes = new RedisNodeDirectory(fast);
  const isOurs = (name: string) => {
    const others = nodes.live().filter(({ id }) => id !== node.id);
    return placeFunction(name, [node, ...others]) === node.id; // it may not be announced yet
  };
  return [nodes, new Standby({ ...options, isOurs })];
}
