import { HostError } from '../domain/errors.ts';
import type { Logger } from '../domain/logger.ts';
import type { RecordStore, StoredRecord } from '../domain/record-store.ts';
import type { Service } from '../domain/service.ts';
import type { Redis } from 'ioredis';
import {
  connect,
  newRedis,
  redisUnavailable,
  type RedisConnectionOptions,
} from '../lib/redis-connection.ts';
import { RecordMirror, type RecordSnapshot } from './record-mirror.ts';
import { recordKeys, type RecordKind } from './redis-keys.ts';

/**
 * KEYS records, sequence. ARGV channel, name, the record's JSON, the revision that it replaces.
 * Writes only over that revision (0: there is none). Returns the change's number; 0: a conflict.
 */
const putScript = `
local current = redis.call('HGET', KEYS[1], ARGV[2])
local revision = current and cjson.decode(current).revision or 0
if revision ~= tonumber(ARGV[4]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
local sequence = redis.call('INCR', KEYS[2])
redis.call('PUBLISH', ARGV[1], sequence .. ' ' .. ARGV[2] .. ' ' .. ARGV[3])
return sequence`;

/** KEYS records, sequence. ARGV channel, name. Returns the change's number; 0: there was none. */
const removeScript = `
if redis.call('HDEL', KEYS[1], ARGV[2]) == 0 then return 0 end
local sequence = redis.call('INCR', KEYS[2])
redis.call('PUBLISH', ARGV[1], sequence .. ' ' .. ARGV[2] .. ' ')
return sequence`;

/** KEYS records, sequence. One script, so that the number belongs to the records. */
const snapshotScript = `
return { redis.call('GET', KEYS[2]) or '0', redis.call('HVALS', KEYS[1]) }`;

export interface RedisRecordStoreOptions extends RedisConnectionOptions {
  readonly kind: RecordKind;
}

/**
 * Records of one kind in the durable Redis, mirrored in memory. While Redis is away the mirror
 * answers with what it knows; when it is back, everything is read again.
 */
export class RedisRecordStore<R extends StoredRecord> implements RecordStore<R>, Service {
  readonly name: string;
  readonly #kind: RecordKind;
  readonly #mirror = new RecordMirror<R>();
  readonly #keys: ReturnType<typeof recordKeys>;
  readonly #logger: Logger;
  readonly #commands: Redis;
  readonly #changes: Redis;
  #loading: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: RedisRecordStoreOptions) {
    const { kind } = options;
    this.name = `store of ${kind}`;
    this.#kind = kind;
    this.#keys = recordKeys(options.keyPrefix, kind);
    this.#logger = options.logger;
    this.#commands = newRedis(options, kind);
    this.#changes = newRedis(options, `changes of ${kind}`);
    this.#changes.on('message', (_channel: string, message: string) => this.#onChange(message));
  }

  async start(signal: AbortSignal): Promise<void> {
    await Promise.all([connect(this.#commands, signal), connect(this.#changes, signal)]);
    this.#changes.on('ready', () => {
      this.#follow().catch((error: unknown) => {
        if (this.#stopped) return;
        this.#logger.warn({ error, kind: this.#kind }, 'Records could not be read; trying again.');
        this.#changes.disconnect(true);
      });
    });
    await this.#follow();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#changes.disconnect();
    this.#commands.disconnect();
  }

  get(name: string): R | undefined {
    return this.#mirror.get(name);
  }

  list(): readonly R[] {
    return this.#mirror.list();
  }

  onChange(listener: () => void): void {
    this.#mirror.onChange(listener);
  }

  async put(record: R): Promise<void> {
    const { name, revision } = record;
    const sequence = await this.#run(putScript, name, JSON.stringify(record), `${revision - 1}`);
    if (sequence === 0) {
      throw new HostError(
        'conflict',
        `${this.#kind}.conflict`,
        `"${name}" was changed by someone else at the same time; try again.`,
      );
    }
    this.#mirror.apply({ sequence, name, record });
  }

  async remove(name: string): Promise<boolean> {
    const sequence = await this.#run(removeScript, name);
    if (sequence === 0) return false;
    this.#mirror.apply({ sequence, name, record: undefined });
    return true;
  }

  /** Subscribes before it reads, so that no change falls between the two. */
  #follow(): Promise<void> {
    const follow = async () => {
      await this.#changes.subscribe(this.#keys.changes);
      await this.#mirror.load(() => this.#readAll());
    };
    this.#loading = this.#loading.then(follow, follow);
    return this.#loading.catch((cause: unknown) => {
      throw redisUnavailable(cause);
    });
  }

  async #readAll(): Promise<RecordSnapshot<R>> {
    const { records, sequence } = this.#keys;
    const reply = await this.#commands.eval(snapshotScript, 2, records, sequence);
    const [number, texts] = reply as [string, string[]];
    return { sequence: Number(number), records: texts.map((json) => JSON.parse(json) as R) };
  }

  #onChange(message: string): void {
    const [sequence = '', name = ''] = message.split(' ', 2);
    const json = message.slice(sequence.length + name.length + 2);
    const record = json === '' ? undefined : (JSON.parse(json) as R);
    this.#mirror.apply({ sequence: Number(sequence), name, record });
  }

  async #run(script: string, name: string, ...args: string[]): Promise<number> {
    const { records, sequence, changes } = this.#keys;
    const keysAndArgs = [records, sequence, changes, name, ...args];
    try {
      return Number(await this.#commands.eval(script, 2, ...keysAndArgs));
    } catch (cause) {
      throw redisUnavailable(cause);
    }
  }
}
