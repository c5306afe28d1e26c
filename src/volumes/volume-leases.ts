import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { HostError } from '../domain/errors.ts';
import type { NodeId } from '../domain/ids.ts';
import type { Service } from '../domain/service.ts';
import type { VolumeHolder, VolumeLeaseMode } from '../domain/volume.ts';
import {
  connect,
  newRedis,
  redisUnavailable,
  type RedisConnectionOptions,
} from '../lib/redis-connection.ts';
import { Repeating } from '../lib/repeating.ts';
import {
  acquireScript,
  holdersScript,
  releaseNodeScript,
  releaseScript,
  renewScript,
} from './lease-scripts.ts';

export interface VolumeLeaseTimes {
  /** A lease ends by itself when its node has not renewed it for so long. */
  readonly ttlMs: number;
  /** How often those who hold one look at what others wish, and those who wait try again. */
  readonly lookMs: number;
}

const usualTimes: VolumeLeaseTimes = { ttlMs: 30_000, lookMs: 250 };

export interface VolumeLeasesOptions extends RedisConnectionOptions {
  readonly node: NodeId;
  readonly times?: VolumeLeaseTimes;
}

export interface LeaseWish {
  readonly volume: string;
  readonly mode: VolumeLeaseMode;
  /** Who, for people; the sandbox's id where it is one. */
  readonly holder?: string;
  readonly waitMs: number;
  /** Those in the way lose theirs instead of being asked for it. */
  readonly force?: boolean;
}

export interface VolumeLease extends AsyncDisposable {
  /** Grows with every lease of the volume: tells a late writer from the present one. */
  readonly epoch: number;
  readonly wanted: AbortSignal;
  readonly lost: AbortSignal;
}

/** One that is held here. */
interface Held {
  readonly volume: string;
  readonly holder: string;
  readonly epoch: number;
  readonly wanted: AbortController;
  readonly lost: AbortController;
  renewedAt: number;
}

/**
 * Who may use a volume, cluster-wide, in the durable Redis: leases with an expiry and a fencing
 * epoch. A lease that cannot be renewed is lost here before anyone else can get it there.
 */
export class VolumeLeases implements Service {
  readonly name = 'volume leases';
  readonly #options: VolumeLeasesOptions;
  readonly #times: VolumeLeaseTimes;
  readonly #redis: Redis;
  readonly #held = new Set<Held>();
  readonly #looking: Repeating;

  constructor(options: VolumeLeasesOptions) {
    this.#options = options;
    this.#times = options.times ?? usualTimes;
    this.#redis = newRedis(options, 'leases of volumes');
    this.#looking = new Repeating(this.#times.lookMs, () => this.#look());
  }

  async start(signal: AbortSignal): Promise<void> {
    await connect(this.#redis, signal);
    this.#looking.start();
  }

  async stop(): Promise<void> {
    await this.#looking.stop();
    this.#redis.disconnect();
  }

  /**
   * @throws HostError `conflict` when others still have it after `waitMs`, `unavailable` without
   * Redis, or the signal's reason.
   */
  async acquire(wish: LeaseWish, signal?: AbortSignal): Promise<VolumeLease> {
    const { volume, mode, waitMs, holder = `${mode}-${randomUUID()}`, force = false } = wish;
    const { ttlMs, lookMs } = this.#times;
    const giveUpAt = performance.now() + waitMs;
    for (;;) {
      const renewedAt = performance.now();
      const urgency = force ? 'force' : 'ask';
      const args = [holder, this.#options.node, mode, ttlMs, urgency, 4 * lookMs];
      const [epoch, ...others] = (await this.#run(acquireScript, volume, ...args)) as [
        number,
        ...string[],
      ];
      if (epoch > 0) return this.#hold({ volume, holder, epoch, renewedAt });
      await this.#look(); // those in the way may be ours
      if (performance.now() >= giveUpAt) throw inUse(volume, others);
      await delay(Math.min(lookMs, 50), undefined, signal ? { signal } : {}).catch(() => {});
      signal?.throwIfAborted();
    }
  }

  async holders(volume: string): Promise<readonly VolumeHolder[]> {
    const flat = (await this.#run(holdersScript, volume)) as string[];
    return flat.flatMap((holder, i) => {
      if (i % 2 === 1) return [];
      const { node, mode } = JSON.parse(flat[i + 1] ?? '{}') as VolumeHolder;
      return [{ holder, node, mode }];
    });
  }

  /** What an earlier worker of this node held when it was killed. */
  async releaseLeftovers(volume: string): Promise<void> {
    await this.#run(releaseNodeScript, volume, this.#options.node);
  }

  #hold(lease: Omit<Held, 'wanted' | 'lost'>): VolumeLease {
    const held = { ...lease, wanted: new AbortController(), lost: new AbortController() };
    this.#held.add(held);
    return {
      epoch: lease.epoch,
      wanted: held.wanted.signal,
      lost: held.lost.signal,
      [Symbol.asyncDispose]: async () => {
        if (!this.#held.delete(held)) return;
        try {
          await this.#run(releaseScript, held.volume, held.holder, held.epoch);
        } catch (error) {
          // It ends by itself.
          this.#options.logger.warn({ error, ...lease }, 'A lease of a volume was not returned.');
        }
      },
    };
  }

  async #look(): Promise<void> {
    await Promise.all([...this.#held].map((held) => this.#lookAt(held)));
  }

  async #lookAt(held: Held): Promise<void> {
    const { ttlMs } = this.#times;
    const startedAt = performance.now();
    const isDue = startedAt - held.renewedAt > ttlMs / 3;
    try {
      const ttl = isDue ? ttlMs : 0;
      const answer = await this.#run(renewScript, held.volume, held.holder, held.epoch, ttl);
      if (!this.#held.has(held)) return; // given back meanwhile
      if (isDue && answer !== 'lost') held.renewedAt = startedAt;
      if (answer === 'lost' || answer === 'force') held.lost.abort();
      if (answer === 'ask') held.wanted.abort();
    } catch (error) {
      // Lost while there is still time to stop writing before another may begin.
      if (performance.now() - held.renewedAt < (ttlMs * 2) / 3) return;
      const { volume, holder } = held;
      this.#options.logger.error({ error, volume, holder }, 'The lease of a volume is lost.');
      held.lost.abort();
    }
  }

  async #run(script: string, volume: string, ...args: (string | number)[]): Promise<unknown> {
    const prefix = `${this.#options.keyPrefix}{volumes}:`;
    const keys = [
      `${prefix}leases:${volume}`,
      `${prefix}epochs:${volume}`,
      `${prefix}wanted:${volume}`,
    ];
    try {
      return await this.#redis.eval(script, keys.length, ...keys, ...args);
    } catch (cause) {
      throw redisUnavailable(cause);
    }
  }
}

const inUse = (volume: string, holders: readonly string[]): HostError =>
  new HostError(
    'conflict',
    'volume.in_use',
    `Volume "${volume}" is in use by ${holders.length === 1 ? 'one other' : `${holders.length} others`}: see "hearth volume inspect ${volume}".`,
    { details: { volume, holders }, retryAfterMs: 1_000 },
  );
