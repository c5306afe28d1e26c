import type { RedisOptions } from 'ioredis';
import type { NodeId } from '../domain/ids.ts';
import type { Logger } from '../domain/logger.ts';
import type { EncodedLaneItem } from './lane-item-codec.ts';

export interface LaneOptions {
  /** The `fast` Redis: a lane holds nothing that is worth keeping. */
  readonly redis: RedisOptions;
  /** Before every key, so that installations can share one Redis. */
  readonly keyPrefix: string;
  readonly logger: Logger;
}

/** What one BullMQ job of a lane carries. */
export interface LaneBatch {
  readonly items: readonly EncodedLaneItem[];
}

export const laneName = (node: NodeId): string => `lane.${node}`;

const slowestReconnectMs = 1000;

/** The pause before the connection is tried once more. */
export const reconnectDelayMs = (times: number): number => Math.min(times * 50, slowestReconnectMs);
