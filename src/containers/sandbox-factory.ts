import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { IdRangeProvider, MountPlanner, SecurityProfile } from '../domain/container.ts';
import type { FactPublisher } from '../domain/facts.ts';
import type { InvocationOutcome, PhaseTimings } from '../domain/invocation.ts';
import type { LogStore } from '../domain/log.ts';
import type { Logger } from '../domain/logger.ts';
import type { NetworkProvider } from '../domain/network.ts';
import type { Sandbox } from '../domain/sandbox.ts';
import type { PreparedVersion } from '../domain/version.ts';
import type { CgroupTree } from '../linux/index.ts';
import type { InitMessage } from './channel.ts';
import { ContainerSandbox } from './container-sandbox.ts';
import { ociSpec } from './oci-spec.ts';
import type { OciRuntime } from './oci-runtime.ts';
import type { RootMounts } from './root-mounts.ts';

/** A sandbox able to serve, or how the function failed to load. */
export type SandboxCreation = { readonly timings: PhaseTimings } & (
  | { readonly sandbox: Sandbox; readonly failure?: undefined }
  | { readonly sandbox?: undefined; readonly failure: InvocationOutcome }
);

export interface SandboxFactory {
  /** @throws HostError when the host could not make it; nothing of it is left then. */
  create(version: PreparedVersion, signal: AbortSignal): Promise<SandboxCreation>;
}

export interface SandboxFactoryOptions {
  readonly runtime: OciRuntime;
  readonly profile: SecurityProfile;
  readonly planMounts: MountPlanner;
  readonly idRanges: IdRangeProvider;
  readonly network: NetworkProvider;
  readonly cgroups: CgroupTree;
  /** As the OCI runtime names the cgroup tree: `/hearth/<node>`. */
  readonly cgroupsPath: string;
  readonly roots: RootMounts;
  readonly bundlesDir: string;
  readonly logs: Pick<LogStore, 'append'>;
  readonly facts: FactPublisher;
  readonly logger: Logger;
}

/** Makes sandboxes from nothing: every step's undo is recorded before the next step. */
export class ContainerSandboxFactory implements SandboxFactory {
  readonly #options: SandboxFactoryOptions;

  constructor(options: SandboxFactoryOptions) {
    this.#options = options;
  }

  async create(version: PreparedVersion, signal: AbortSignal): Promise<SandboxCreation> {
    const started = performance.now();
    const sandbox = await this.#container(version);
    const { failure, bootMs, initMs } = await sandbox.load(initMessage(version), signal);
    const timings = { lease: performance.now() - started - initMs, init: initMs };
    if (failure) return { failure, timings };
    this.#options.facts.publish('sandbox.created', {
      sandboxId: sandbox.id,
      functionName: version.spec.name,
      version: version.digest,
      createMs: timings.lease,
      bootMs,
      initMs,
    });
    return { sandbox, timings };
  }

  async #container({ spec, image }: PreparedVersion): Promise<ContainerSandbox> {
    const { runtime, profile, cgroups, logs, logger } = this.#options;
    const id = randomUUID();
    await using stack = new AsyncDisposableStack();
    const ids = stack.use(this.#options.idRanges.lease());
    const network = stack.use(await this.#options.network.lease());
    const root = stack.use(await this.#options.roots.lease(image));
    const { memoryBytes, cpu } = spec;
    const cgroup = cgroups.create(id, { memoryBytes, cpu, pids: profile.pids });
    stack.defer(() => cgroup.remove());
    const bundleDir = join(this.#options.bundlesDir, id);
    stack.defer(() => rm(bundleDir, { recursive: true, force: true }));
    await mkdir(bundleDir, { mode: 0o711 });
    const config = ociSpec({
      rootDir: root.path,
      args: image.entrypoint,
      env: image.env,
      workingDir: image.workingDir,
      mounts: this.#options.planMounts(spec),
      profile,
      ids,
      networkNamespacePath: network.path,
      ...(runtime.needsCgroupsPath ? { cgroupsPath: `${this.#options.cgroupsPath}/${id}` } : {}),
    });
    await writeFile(join(bundleDir, 'config.json'), JSON.stringify(config), { mode: 0o600 });
    const process = runtime.run({
      id,
      bundleDir,
      stateDir: join(bundleDir, 'state'),
      cgroupProcsFiles: cgroup.procsFiles,
    });
    return new ContainerSandbox({
      id,
      memoryBytes,
      process,
      cgroup,
      resources: stack.move(),
      onStrayLine: (line) => logs.append({ ...line, functionName: spec.name }),
      onLeftBehind: (error) =>
        logger.error({ sandboxId: id, error }, 'a sandbox left something behind'),
    });
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
