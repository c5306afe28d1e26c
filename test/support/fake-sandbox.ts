import type { SandboxCreation, SandboxFactory } from '../../src/containers/sandbox-factory.ts';
import type { InvocationOutcome } from '../../src/domain/invocation.ts';
import type {
  DestroyReason,
  RunningInvocation,
  Sandbox,
  SandboxUsage,
} from '../../src/domain/sandbox.ts';
import type { FunctionSpec } from '../../src/domain/function.ts';
import type { Digest } from '../../src/domain/ids.ts';
import type { PreparedVersion } from '../../src/domain/version.ts';
import { preparedImage } from './function-records.ts';

/** A sandbox that only lives and dies. What was given back is so at once. */
export class FakeSandbox implements Sandbox {
  readonly id: string;
  readonly memoryBytes: number;
  readonly gone: Promise<DestroyReason>;
  readonly #wanted = new AbortController();
  readonly wanted = this.#wanted.signal;
  takesStreams = false;
  destroyed: DestroyReason | undefined;
  readonly #gone = Promise.withResolvers<DestroyReason>();

  constructor(id: string, memoryBytes: number) {
    this.id = id;
    this.memoryBytes = memoryBytes;
    this.gone = this.#gone.promise;
  }

  /** What `isTidy` says until `tidy` has been called. */
  isDirty = false;
  /** What `tidy` comes to. */
  tidied: Promise<boolean> = Promise.resolve(true);
  held: SandboxUsage = { memoryBytes: 10, descriptors: 20 };

  isTidy(): boolean {
    return !this.isDirty;
  }

  async tidy(): Promise<boolean> {
    this.isFrozen = true;
    const isTidy = await this.tidied;
    this.isDirty = !isTidy;
    return isTidy;
  }

  usage(): SandboxUsage {
    return this.held;
  }

  invoke(): RunningInvocation {
    return { outcome: Promise.resolve({ kind: 'ok' }), grant: () => {}, cancel: () => {} };
  }

  /** Someone else needs what it holds. */
  want(): void {
    this.#wanted.abort();
  }

  isFrozen = false;

  freeze(): void {
    this.isFrozen = true;
  }

  thaw(): void {
    this.isFrozen = false;
  }

  async destroy(reason: DestroyReason): Promise<void> {
    this.destroyed ??= reason;
    this.#gone.resolve(this.destroyed);
    await this.gone;
  }
}

/** Makes fake sandboxes when told to: each creation waits for `finish`, `fail` or `breakDown`. */
export class FakeSandboxFactory implements SandboxFactory {
  readonly made: FakeSandbox[] = [];
  readonly #pending: PromiseWithResolvers<SandboxCreation>[] = [];
  readonly #versions: PreparedVersion[] = [];

  create(version: PreparedVersion): Promise<SandboxCreation> {
    const pending = Promise.withResolvers<SandboxCreation>();
    this.#pending.push(pending);
    this.#versions.push(version);
    return pending.promise;
  }

  get pending(): number {
    return this.#pending.length;
  }

  /** Finishes the oldest creation. */
  finish(): FakeSandbox {
    const { pending, version } = this.#take();
    const sandbox = new FakeSandbox(`sandbox-${this.made.length}`, version.spec.memoryBytes);
    this.made.push(sandbox);
    pending.resolve({ sandbox, start: 'cold', timings: { init: 5 } });
    return sandbox;
  }

  /** The function fails to load. */
  fail(failure: InvocationOutcome): void {
    this.#take().pending.resolve({ failure, start: 'cold', timings: {} });
  }

  /** The host fails to make the sandbox. */
  breakDown(error: Error): void {
    this.#take().pending.reject(error);
  }

  #take() {
    const pending = this.#pending.shift();
    const version = this.#versions.shift();
    if (!pending || !version) throw new Error('no sandbox is being made');
    return { pending, version };
  }
}

export function fakeSpec(overrides: Partial<FunctionSpec> = {}): FunctionSpec {
  return {
    name: 'hello',
    runtime: 'node24',
    entry: 'index.mjs',
    memoryBytes: 100,
    cpu: 1,
    timeoutMs: 1000,
    concurrency: 1,
    env: {},
    secrets: [],
    http: { auth: 'none', methods: [] },
    isolation: 'function',
    scratchBytes: 1024,
    volumes: [],
    scaling: { min: 0, max: 50, keepWarmMs: 60_000 },
    ...overrides,
  };
}

let versions = 0;

/** A version of its own at each call. */
export function fakeVersion(overrides: Partial<FunctionSpec> = {}): PreparedVersion {
  versions += 1;
  const digest: Digest = `sha256:${versions.toString(16).padStart(64, '0')}`;
  return { digest, spec: fakeSpec(overrides), image: preparedImage(digest) };
}
