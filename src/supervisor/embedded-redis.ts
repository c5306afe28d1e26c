import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../domain/logger.ts';
import type { Service } from '../domain/service.ts';
import { SupervisedProcess } from './supervised-process.ts';

/** `durable`: an answered write survives a power cut. `fast`: nothing is worth keeping. */
export type RedisRole = 'durable' | 'fast';

/** One small Redis for a role, on a Unix socket that only its owner can use. */
export class EmbeddedRedis implements Service {
  readonly name: string;
  readonly #dir: string;
  readonly #process: SupervisedProcess;

  constructor(role: RedisRole, socketPath: string, logger: Logger) {
    this.name = `redis (${role})`;
    this.#dir = dirname(socketPath);
    this.#process = new SupervisedProcess({
      name: this.name,
      program: 'redis-server',
      capabilities: [],
      args: redisArgs(role, this.#dir, socketPath),
      whenReady: (child, signal) => {
        child.stdout?.resume();
        return answersPing(socketPath, signal);
      },
      logger,
    });
  }

  async start(signal: AbortSignal): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    await this.#process.start(signal);
  }

  stop(grace: AbortSignal): Promise<void> {
    return this.#process.stop(grace);
  }
}

export function redisArgs(role: RedisRole, dir: string, socketPath: string): readonly string[] {
  const durability = {
    // `everysec` was seen to lose acknowledged writes in a power cut; group commit pays for this.
    durable: { appendonly: 'yes', appendfsync: 'always' },
    fast: { appendonly: 'no' },
  };
  const settings = {
    port: '0',
    unixsocket: socketPath,
    unixsocketperm: '600',
    dir,
    dbfilename: `${role}.rdb`,
    appenddirname: `${role}.aof`,
    save: '',
    'maxmemory-policy': 'noeviction',
    loglevel: 'warning',
    ...durability[role],
  };
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}

const pingIntervalMs = 10;

/** Resolves when Redis has loaded its data and answers. */
async function answersPing(socketPath: string, signal: AbortSignal): Promise<void> {
  while (!(await ping(socketPath))) await delay(pingIntervalMs, undefined, { signal });
}

function ping(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', (answer) => {
      socket.destroy();
      resolve(answer.toString().startsWith('+PONG'));
    });
    socket.once('error', () => resolve(false));
  });
}
