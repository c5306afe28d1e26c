import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Container, ContainerEngine, ContainerOrder } from '../domain/container-engine.ts';
import { HostError } from '../domain/errors.ts';
import type { SandboxId } from '../domain/ids.ts';
import { hardLimit, type CgroupTree } from '../linux/index.ts';
import { OciContainer } from './oci-container.ts';
import type { OciRuntime } from './oci-runtime.ts';
import { ociSpec } from './oci-spec.ts';
import { clampRlimits } from './rlimits-policy.ts';

export interface OciEngineOptions {
  readonly runtime: OciRuntime;
  /** Further ones, by the name that a function asks for. */
  readonly classes: ReadonlyMap<string, OciRuntime>;
  readonly cgroups: CgroupTree;
  /** As the OCI runtime names the cgroup tree: `/hearth/<node>`. */
  readonly cgroupsPath: string;
  readonly bundlesDir: string;
}

/**
 * Containers by an OCI runtime such as crun. `create` makes what the kernel needs (cgroup, bundle),
 * `start` lets the runtime create and start in one go: half the processes of doing it in two steps.
 */
export class OciEngine implements ContainerEngine {
  readonly #options: OciEngineOptions;

  constructor(options: OciEngineOptions) {
    this.#options = options;
  }

  async create(all: ContainerOrder): Promise<Container> {
    const { id, limits, profile, runtimeClass, ...order } = all;
    const runtime = this.#runtime(runtimeClass);
    const { cgroups, cgroupsPath, bundlesDir } = this.#options;
    const bundleDir = join(bundlesDir, id);
    await using undo = new AsyncDisposableStack();
    await mkdir(bundleDir, { mode: 0o711 }); // fails for an id that is in use, before it is touched
    undo.defer(() => rm(bundleDir, { recursive: true, force: true }));
    const cgroup = cgroups.create(id, limits);
    undo.defer(() => cgroup.remove());
    const spec = ociSpec({
      ...order,
      env: [...order.env, `HEARTH_CHANNEL_FD=${runtime.channelDescriptor}`],
      profile: { ...profile, rlimits: clampRlimits(profile.rlimits, hardLimit) },
      remountsRoot: runtime.remountsRoot,
      ...(runtime.needsCgroupsPath ? { cgroupsPath: `${cgroupsPath}/${id}` } : {}),
    });
    await writeFile(join(bundleDir, 'config.json'), JSON.stringify(spec), { mode: 0o600 });
    undo.move();
    return new OciContainer({ id, runtime, cgroup, limits, bundleDir });
  }

  #runtime(name: string | undefined): OciRuntime {
    const { runtime, classes } = this.#options;
    const found = name === undefined ? runtime : classes.get(name);
    if (found) return found;
    throw new HostError(
      'unavailable',
      'containers.no_runtime_class',
      `This node has no runtime class "${name}": name it in HEARTH_RUNTIME_CLASSES.`,
    );
  }

  list(): readonly SandboxId[] {
    return this.#options.cgroups.list();
  }

  /** Its mounts, its bundle and the runtime's state went with the mount namespace of its worker. */
  async remove(id: SandboxId): Promise<number> {
    const cgroup = this.#options.cgroups.open(id);
    const processes = cgroup.processes().length;
    await cgroup.kill();
    await cgroup.remove();
    return processes;
  }
}
