import type { ContainerEnd } from '../domain/container-engine.ts';
import type { SandboxId } from '../domain/ids.ts';
import type { InvocationOutcome, InvocationRequest } from '../domain/invocation.ts';
import { logLimitBytes } from '../domain/limits.ts';
import type { NetworkLease, NetworkSpec } from '../domain/network.ts';
import type {
  DestroyReason,
  ResponseListener,
  RunningInvocation,
  Sandbox,
  SandboxUsage,
} from '../domain/sandbox.ts';
import type { InitMessage, SandboxChannel } from '../domain/sandbox-channel.ts';
import type { SandboxState, SandboxView } from '../domain/sandbox-view.ts';
import type { FunctionSpec } from '../domain/function.ts';
import { LogLines } from './log-lines.ts';
import type { RootLease } from './root-mounts.ts';
import { RunningInvocations } from './running-invocations.ts';
import type { SecretFiles } from './secret-folder.ts';
import type { SandboxParts } from './sandbox-parts.ts';
import { SandboxStart, type LoadResult } from './sandbox-start.ts';
import { Tidiness } from './tidiness.ts';

/** A sandbox made of one OCI container and the channel to what runs in it. */
export class ContainerSandbox implements Sandbox {
  readonly id: SandboxId;
  readonly gone: Promise<DestroyReason>;
  readonly #parts: SandboxParts;
  readonly #channel: SandboxChannel;
  readonly #strayLog: LogLines;
  readonly #running: RunningInvocations;
  readonly #start: SandboxStart;
  readonly #gone = Promise.withResolvers<DestroyReason>();
  #memoryBytes: number;
  #functionName: string | undefined;
  #version: string | undefined;
  #lastStrayText = '';
  #toldCpuUsec = 0;
  #isReady = false;
  #tidiness: Tidiness | undefined;
  /** Why it takes no more invocations and goes when those under way have ended. */
  #retiring: DestroyReason | undefined;
  #ended: { readonly reason: DestroyReason; readonly outcome: InvocationOutcome } | undefined;

  constructor(parts: SandboxParts) {
    this.id = parts.id;
    this.#memoryBytes = parts.memoryBytes;
    this.gone = this.#gone.promise;
    this.#parts = parts;
    this.#strayLog = new LogLines(logLimitBytes, (line) => {
      this.#lastStrayText = line.text;
      parts.onStrayLine(line, this.#functionName);
    });
    this.#start = new SandboxStart({
      gone: this.gone,
      destroy: (reason) => this.destroy(reason),
      lastWords: () => ({ outcome: this.#ended?.outcome, text: this.#lastStrayText }),
    });
    this.#running = new RunningInvocations({
      onStopped: (reason) => this.#giveUp(reason),
      onIdle: () => this.#retiring && void this.destroy(this.#retiring),
    });
    const stray = (stream: 'stdout' | 'stderr') => (piece: Buffer) =>
      (this.#channel.soleLog() ?? this.#strayLog).push(stream, piece);
    const { channel, stdout, stderr } = parts.container.start();
    this.#channel = parts.channel.open(channel, {
      onHello: () => this.#start.greeted(),
      onReady: () => this.#start.loaded(),
      onInitFailed: (error) => this.#start.loaded(error),
      onViolation: (violation) => {
        this.#strayLog.push('stderr', Buffer.from(`[hearth] discarded: ${violation.message}\n`));
        void this.#end('protocol_violation', { kind: 'crashed' });
      },
      onFatal: () => void this.#end('crashed', { kind: 'crashed' }),
      onStrayOutput: (stream, piece) => stray(stream)(piece),
    });
    const { lost } = parts.volumes;
    const onLost = () => void this.destroy('volume_lost');
    if (lost.aborted) onLost();
    lost.addEventListener('abort', onLost, { once: true });
    stdout.on('data', stray('stdout'));
    stderr.on('data', stray('stderr'));
    void parts.container.ended.then((end) => this.#stopped(end));
  }

  get destroyed(): DestroyReason | undefined {
    return this.#ended?.reason ?? this.#retiring;
  }

  get takesStreams(): boolean {
    return this.#channel.takesStreams;
  }

  get wanted(): AbortSignal {
    return this.#parts.volumes.wanted;
  }

  get memoryBytes(): number {
    return this.#memoryBytes;
  }

  /** How long each step of its making took. */
  get making(): SandboxParts['making'] {
    return this.#parts.making;
  }

  /**
   * Waits for the bootstrap's hello. Gives how it failed, and then it is destroyed.
   * @throws HostError `internal` when the container did not start.
   */
  async boot(signal: AbortSignal): Promise<InvocationOutcome | undefined> {
    const failure = await this.#start.boot(signal);
    if (!failure) this.#watch(); // now, so that it need not be done while a function starts
    return failure;
  }

  /** Makes a stem the sandbox of one version: takes over the root, which has its code. */
  specialise(
    root: RootLease,
    { memoryBytes, cpu, name }: FunctionSpec,
    secretFiles: SecretFiles,
  ): void {
    const { container, resources, taskFolder, secretFolder, pids } = this.#parts;
    this.tellUse(); // what it took until here is nobody's
    resources.use(root);
    taskFolder?.show(`${root.path}/var/task`);
    secretFolder?.write(secretFiles);
    container.update({ memoryBytes, cpu, pids });
    this.#memoryBytes = memoryBytes;
    this.#functionName = name;
  }

  /**
   * Gives it a network, open for its handler to be loaded; whoever lets it serve closes it.
   * @throws HostError; then it is of no use.
   */
  async connect(
    spec: NetworkSpec,
    functionName: string,
  ): Promise<Pick<NetworkLease, 'open' | 'close'>> {
    const { network } = this.#parts;
    await network.connect(spec, functionName);
    network.open();
    return network;
  }

  /**
   * Loads the handler, booting first where that has not been waited for; within `initLimitMs`.
   * After a failure it is destroyed. @throws HostError `internal` when it did not start.
   */
  async load(message: InitMessage, signal: AbortSignal): Promise<LoadResult> {
    this.#functionName = message.functionName;
    this.#version = message.version;
    const result = await this.#start.load(() => this.#channel.init(message), signal);
    this.#isReady = result.failure === undefined;
    if (this.#isReady) this.#watch();
    return result;
  }

  /** What runs by now belongs to the sandbox: what comes later is an invocation's. */
  #watch(): void {
    if (this.#ended) return;
    const { container, scratch } = this.#parts;
    if (this.#tidiness) this.#tidiness.adopt();
    else this.#tidiness = Tidiness.of(container, scratch);
  }

  invoke(request: InvocationRequest, listener: ResponseListener): RunningInvocation {
    return this.#running.begin(this.#channel, request, listener);
  }

  freeze(): void {
    const { container } = this.#parts;
    if (container.state === 'running') container.pause();
  }

  thaw(): void {
    const { container } = this.#parts;
    if (container.state === 'paused') container.resume();
  }

  /** Everything about it, its counters read from the kernel now. */
  inspect(): Omit<SandboxView, 'node'> {
    const { container, taskFolder } = this.#parts;
    const { id, limits, processIds, runtime, createdAt } = container.inspect();
    return {
      id,
      ...(this.#functionName === undefined ? {} : { functionName: this.#functionName }),
      ...(this.#version === undefined ? {} : { version: this.#version }),
      state: this.#state(),
      start: taskFolder ? 'stem' : 'cold',
      runtime,
      createdAt,
      invocations: this.#running.begun,
      running: this.#running.size,
      limits,
      stats: container.stats(),
      processIds,
    };
  }

  #state(): SandboxState {
    if (this.#parts.container.state === 'paused') return 'frozen';
    if (!this.#isReady) return 'starting';
    return this.#running.size > 0 ? 'busy' : 'idle';
  }

  isTidy(): boolean {
    if (this.#ended) return false;
    // Nobody can look behind a kernel of its own: it is known to be clean until it serves somebody.
    const isUntouched = this.#parts.container.hasOwnKernel && this.#running.begun === 0;
    return this.#tidiness?.isTidy ?? isUntouched;
  }

  async tidy(): Promise<boolean> {
    try {
      return !this.#ended && ((await this.#tidiness?.tidy()) ?? false);
    } catch (error) {
      if (!this.#ended) this.#parts.onLeftBehind(error);
      return false;
    }
  }

  usage(): SandboxUsage {
    const { memoryBytes, memoryReclaimableBytes } = this.#parts.container.stats();
    return {
      memoryBytes: memoryBytes - memoryReclaimableBytes,
      descriptors: this.#tidiness?.descriptors ?? 0,
    };
  }

  /** Tells what it has used since the last time, for the function that it has. */
  tellUse(): void {
    const cpuUsec = this.#parts.container.cpuUsec();
    const usedUsec = cpuUsec - this.#toldCpuUsec;
    if (usedUsec <= 0) return;
    this.#toldCpuUsec = cpuUsec;
    if (this.#functionName !== undefined) this.#parts.onUsed(this.#functionName, usedUsec);
  }

  async destroy(reason: DestroyReason): Promise<void> {
    await this.#end(reason, { kind: 'crashed', signal: 'SIGKILL' });
  }

  /**
   * An invocation was stopped that may still run inside. Alone it takes the sandbox with it at once;
   * others under way are not to suffer: they may end, but no more come.
   */
  #giveUp(reason: 'timeout' | 'cancelled'): void {
    if (this.#running.size === 0) void this.destroy(this.#retiring ?? reason);
    else if (reason === 'timeout' || !this.#channel.endsWhatIsClosed) this.#retiring ??= reason;
  }

  /** The container ended by itself, or by a `kill` of ours, which has given its reason before. */
  #stopped({ outOfMemory, ...exit }: ContainerEnd): void {
    if (outOfMemory) {
      const limitBytes = this.#memoryBytes;
      void this.#end('out_of_memory', { kind: 'out_of_memory', limitBytes });
    } else {
      void this.#end('crashed', { kind: 'crashed', ...exit });
    }
  }

  #end(reason: DestroyReason, outcome: InvocationOutcome): Promise<DestroyReason> {
    if (this.#ended) return this.gone;
    this.#ended = { reason, outcome };
    this.#running.end(outcome);
    this.#channel.close();
    void this.#giveBack().then(() => this.#gone.resolve(reason));
    return this.gone;
  }

  /** Never rejects. First nothing runs any more, then what it ran on goes. */
  async #giveBack(): Promise<void> {
    try {
      await this.#parts.container.kill();
      this.tellUse();
      await this.#tidiness?.[Symbol.asyncDispose]();
      this.#strayLog.flush();
      await this.#parts.resources.disposeAsync();
    } catch (error) {
      this.#parts.onLeftBehind(error);
    }
  }
}
