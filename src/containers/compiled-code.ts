import { Buffer } from 'node:buffer';
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerMount } from '../domain/container.ts';
import type { Digest } from '../domain/ids.ts';
import type { Logger } from '../domain/logger.ts';
import type { Service } from '../domain/service.ts';
import type { PreparedVersion } from '../domain/version.ts';
import { Repeating } from '../lib/repeating.ts';
import { compileChannel } from './channels/compile-channel.ts';
import type { ContainerMaker } from './container-maker.ts';
import type { Tokens } from './pool/tokens.ts';

export interface CompiledCodeOptions {
  readonly maker: Pick<ContainerMaker, 'make'>;
  readonly mounts: readonly ContainerMount[];
  /** Where each sandbox that compiles takes its memory from. */
  readonly memory: Tokens;
  readonly logger: Logger;
}

/** Handing code over costs more than a millisecond; less of it gains nothing. */
const worthwhileBytes = 512 * 1024;

/** Of a sandbox that compiles; 14 MB of code need a third of it. */
const memoryBytes = 256 * 1024 * 1024;

/** One at a time, and not too often: what is called now goes first. */
const intervalMs = 500;

/** Kept for all versions together; the least recently used goes first. */
const keptLimitBytes = 64 * 1024 * 1024;
const keptLimit = 10_000;

/**
 * What the code of versions is compiled to by V8, so that each start of a large one need not compile
 * it again. It is made in a sandbox of the version that runs nothing of it and is then thrown away,
 * and kept in the host's memory as bytes that nobody here looks into.
 *
 * INVARIANT: what one sandbox gets has been made of the same version, before any of its code had run.
 */
export class CompiledCode implements Service {
  readonly name = 'compiled code';
  readonly #options: CompiledCodeOptions;
  /** Empty where there is nothing to gain. The least recently used first. */
  readonly #kept = new Map<Digest, Buffer>();
  readonly #wanted = new Map<Digest, PreparedVersion>();
  readonly #stopped = new AbortController();
  readonly #compiling = new Repeating(intervalMs, () => this.#compileNext());
  #keptBytes = 0;

  constructor(options: CompiledCodeOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#compiling.start();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#compiling.stop();
  }

  /** That of a version. Where there is none, and it is worth it, it is made in a while. */
  find(version: PreparedVersion): Buffer | undefined {
    const { digest } = version;
    const code = this.#kept.get(digest);
    if (!code) {
      this.want(version);
      return undefined;
    }
    this.#kept.delete(digest);
    this.#kept.set(digest, code);
    return code.length > 0 ? code : undefined;
  }

  /** Has it made in a while, unless it is there or gains nothing. */
  want(version: PreparedVersion): void {
    const { digest } = version;
    if (this.#kept.has(digest) || this.#wanted.has(digest)) return;
    if (!isWorthwhile(version)) this.#keep(digest, nothing);
    else if (this.#wanted.size < keptLimit) this.#wanted.set(digest, version);
  }

  async #compileNext(): Promise<void> {
    const { memory, logger } = this.#options;
    const [version] = this.#wanted.values();
    if (!version || !memory.take(memoryBytes)) return;
    try {
      this.#keep(version.digest, await this.#compile(version));
    } catch (error) {
      if (this.#stopped.signal.aborted) return;
      logger.warn({ error, version: version.digest }, 'A version starts without compiled code.');
      this.#keep(version.digest, nothing);
    } finally {
      this.#wanted.delete(version.digest);
      memory.giveBack(memoryBytes);
    }
  }

  async #compile({ digest, image, spec }: PreparedVersion): Promise<Buffer> {
    const { maker, mounts } = this.#options;
    const { signal } = this.#stopped;
    const { name: functionName, runtimeClass, timeoutMs, concurrency } = spec;
    let code: Buffer = nothing;
    const channel = compileChannel((made) => (code = made));
    const order = { image, memoryBytes, cpu: 1, mounts, volumes: [], runtimeClass, channel };
    const sandbox = await maker.make({ ...order, hasTaskFolder: false }, signal);
    try {
      const entry = `/var/task/${spec.entry}`;
      const limits = { memoryBytes, timeoutMs, concurrency };
      const message = { entry, env: {}, functionName, version: digest, ...limits };
      const { failure } = await sandbox.load(message, signal);
      return failure ? nothing : code;
    } finally {
      await sandbox.destroy('retired');
    }
  }

  #keep(digest: Digest, code: Buffer): void {
    this.#kept.set(digest, code);
    this.#keptBytes += code.length;
    for (const [oldest, { length }] of this.#kept) {
      if (this.#keptBytes <= keptLimitBytes && this.#kept.size <= keptLimit) return;
      this.#kept.delete(oldest);
      this.#keptBytes -= length;
    }
  }
}

const nothing = Buffer.alloc(0);

/** By the size of the module that is loaded: a deploy makes one of all that it imports. */
function isWorthwhile({ spec, image }: PreparedVersion): boolean {
  const [packageDir = ''] = image.layerDirs;
  const isNode = spec.runtime.startsWith('node');
  const module = join(packageDir, 'var/task', spec.entry);
  const { size } = lstatSync(module, { throwIfNoEntry: false }) ?? { size: 0 };
  return isNode && size >= worthwhileBytes;
}
