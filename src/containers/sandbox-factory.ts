import type { MountPlanner } from '../domain/container.ts';
import type { FactPublisher } from '../domain/facts.ts';
import type { InvocationOutcome, MakingTimings, StartKind } from '../domain/invocation.ts';
import type { Sandbox } from '../domain/sandbox.ts';
import type { ChannelKind, InitMessage } from '../domain/sandbox-channel.ts';
import type { PreparedVersion } from '../domain/version.ts';
import type { CompiledCode } from './compiled-code.ts';
import type { ContainerMaker } from './container-maker.ts';
import type { ContainerSandbox } from './container-sandbox.ts';
import { channelOf, imageProgram } from './image-program.ts';
import { NetworkedSandbox } from './networked-sandbox.ts';
import type { RootMounts } from './root-mounts.ts';
import type { SecretFiles } from './secret-folder.ts';
import { GuardedSandbox } from './sandbox-guard.ts';
import type { LoadResult } from './sandbox-start.ts';
import type { StemPools } from './stem-pools.ts';

/** How a sandbox came to be, and how long it took. */
interface Making {
  readonly start: Extract<StartKind, 'stem' | 'cold'>;
  readonly timings: MakingTimings;
}

/** A sandbox able to serve, or how the function failed to load. */
export type SandboxCreation = Making &
  (
    | { readonly sandbox: Sandbox; readonly failure?: undefined }
    | { readonly sandbox?: undefined; readonly failure: InvocationOutcome }
  );

/** A version with all it is given at its start. */
export interface BoundVersion extends PreparedVersion {
  /** Aborts when it would be given something else now: its sandbox is to be given up. */
  readonly outdated?: AbortSignal;
  /** Absent: it has none. */
  readonly secretFiles?: SecretFiles;
}

export interface SandboxFactory {
  /** @throws HostError when the host could not make it; nothing of it is left then. */
  create(version: BoundVersion, signal: AbortSignal): Promise<SandboxCreation>;
}

export interface SandboxFactoryOptions {
  readonly maker: Pick<ContainerMaker, 'make'>;
  readonly stems: Pick<StemPools, 'take'>;
  readonly compiledCode: Pick<CompiledCode, 'find'>;
  readonly roots: Pick<RootMounts, 'lease'>;
  readonly planMounts: MountPlanner;
  /** For images of users' own. */
  readonly channels: Readonly<Record<'lambda' | 'http', ChannelKind>>;
  /** Stems have a scratch volume of this size; it cannot be changed once they run. */
  readonly stemScratchBytes: number;
  readonly facts: FactPublisher;
}

/** Makes sandboxes for versions: from a stem where one fits, else from nothing. */
export class ContainerSandboxFactory implements SandboxFactory {
  readonly #options: SandboxFactoryOptions;

  constructor(options: SandboxFactoryOptions) {
    this.#options = options;
  }

  async create(version: BoundVersion, signal: AbortSignal): Promise<SandboxCreation> {
    const started = performance.now();
    const stem = this.#takeStem(version);
    const sandbox = stem ?? (await this.#fromNothing(version, signal));
    if (stem) this.#specialise(stem, version);
    const specialisedMs = performance.now() - started;
    const network = await connected(sandbox, version);
    const compiled = this.#options.compiledCode.find(version);
    const message = { ...initMessage(version), ...(compiled ? { compiled } : {}) };
    const loaded: LoadResult = await sandbox.load(message, signal);
    const { failure, initMs, bootMs: boot } = loaded;
    const start = stem ? 'stem' : 'cold';
    const lease = performance.now() - started - initMs;
    const steps = stem ? { specialise: specialisedMs } : { ...sandbox.making, boot };
    const timings = { lease, init: initMs, steps };
    if (failure) return { failure, start, timings };
    this.#options.facts.publish('sandbox.created', {
      sandboxId: sandbox.id,
      functionName: version.spec.name,
      version: version.digest,
      start,
      createMs: lease,
      steps,
      initMs,
    });
    const served = network
      ? new NetworkedSandbox(sandbox, network, version.spec.concurrency === 1)
      : sandbox;
    const guarded = new GuardedSandbox(
      served,
      version.spec.name,
      this.#options.facts,
      version.outdated,
    );
    return { sandbox: guarded, start, timings };
  }

  #takeStem({ spec, image }: PreparedVersion): ContainerSandbox | undefined {
    const { stems, stemScratchBytes } = this.#options;
    // Who made a stem, and what is mounted in it, cannot be changed any more.
    const fits =
      spec.scratchBytes === stemScratchBytes &&
      !spec.scratchOnDisk &&
      spec.volumes.length === 0 &&
      spec.runtimeClass === undefined &&
      spec.runtime !== 'image';
    return fits ? stems.take(image) : undefined;
  }

  #fromNothing(version: BoundVersion, signal: AbortSignal): Promise<ContainerSandbox> {
    const { spec, image } = version;
    const { memoryBytes, cpu, volumes, runtimeClass } = spec;
    const { maker, planMounts, channels } = this.#options;
    const { scratchBytes, scratchOnDisk = false } = spec;
    const mounts = planMounts(scratchOnDisk ? undefined : scratchBytes);
    const order = {
      image,
      memoryBytes,
      cpu,
      mounts,
      volumes,
      runtimeClass,
      secretFiles: version.secretFiles,
      hasTaskFolder: false,
      ...(scratchOnDisk ? { scratchDiskBytes: scratchBytes } : {}),
    };
    if (!spec.image) return maker.make(order, signal);
    const channel = channelOf(spec.image, image);
    const program = imageProgram(version, channel);
    return maker.make({ ...order, channel: channels[channel], program }, signal);
  }

  /** From here on it is this version's alone: its limits, and its code at /var/task. */
  #specialise(stem: ContainerSandbox, { spec, image, secretFiles = {} }: BoundVersion): void {
    try {
      stem.specialise(this.#options.roots.lease(image), spec, secretFiles);
    } catch (error) {
      void stem.destroy('init_failed');
      throw error;
    }
  }
}

/** Its network, where it asks for one. @throws HostError; nothing is left of the sandbox then. */
async function connected(sandbox: ContainerSandbox, { spec }: PreparedVersion) {
  if (!spec.network) return undefined;
  try {
    return await sandbox.connect(spec.network, spec.name);
  } catch (error) {
    await sandbox.destroy('init_failed');
    throw error;
  }
}

function initMessage({ digest, spec }: PreparedVersion): InitMessage {
  return {
    entry: `/var/task/${spec.entry}`,
    env: spec.env,
    functionName: spec.name,
    version: digest,
    memoryBytes: spec.memoryBytes,
    timeoutMs: spec.timeoutMs,
    concurrency: spec.concurrency,
  };
}
