import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerMount, IdRangeProvider, SecurityProfile } from '../domain/container.ts';
import type { PreparedImage } from '../domain/image.ts';
import type { LogStore } from '../domain/log.ts';
import type { Logger } from '../domain/logger.ts';
import type { NetworkProvider } from '../domain/network.ts';
import type { CgroupTree } from '../linux/index.ts';
import { ContainerSandbox } from './container-sandbox.ts';
import { ociSpec } from './oci-spec.ts';
import type { OciRuntime } from './oci-runtime.ts';
import type { RootMounts } from './root-mounts.ts';
import { TaskFolder } from './task-folder.ts';

export interface ContainerMakerOptions {
  readonly runtime: OciRuntime;
  readonly profile: SecurityProfile;
  readonly idRanges: IdRangeProvider;
  readonly network: NetworkProvider;
  readonly cgroups: CgroupTree;
  /** As the OCI runtime names the cgroup tree: `/hearth/<node>`. */
  readonly cgroupsPath: string;
  readonly roots: RootMounts;
  readonly bundlesDir: string;
  readonly logs: Pick<LogStore, 'append'>;
  readonly logger: Logger;
}

export interface ContainerOrder {
  readonly image: PreparedImage;
  readonly memoryBytes: number;
  readonly cpu: number;
  readonly mounts: readonly ContainerMount[];
  /** The function is not known yet: its code will be put into the running container. */
  readonly hasTaskFolder: boolean;
}

/** Starts containers with all they hold: every step's undo is recorded before the next step. */
export class ContainerMaker {
  readonly #options: ContainerMakerOptions;

  constructor(options: ContainerMakerOptions) {
    this.#options = options;
  }

  /** Resolves when the OCI runtime has been started. @throws HostError; nothing is left then. */
  async make(order: ContainerOrder): Promise<ContainerSandbox> {
    const { runtime, profile, cgroups, roots, logs, logger } = this.#options;
    const { image, memoryBytes, cpu } = order;
    const id = randomUUID();
    const bundleDir = join(this.#options.bundlesDir, id);
    await using stack = new AsyncDisposableStack();
    const ids = stack.use(this.#options.idRanges.lease());
    const network = stack.use(await this.#options.network.lease());
    const root = stack.use(await roots.lease(image));
    const cgroup = cgroups.create(id, { memoryBytes, cpu, pids: profile.pids });
    stack.defer(() => cgroup.remove());
    stack.defer(() => rm(bundleDir, { recursive: true, force: true }));
    await mkdir(bundleDir, { mode: 0o711 });
    const taskFolder = order.hasTaskFolder
      ? stack.use(new TaskFolder(join(bundleDir, 'task')))
      : undefined;
    const config = ociSpec({
      rootDir: root.path,
      args: image.entrypoint,
      env: image.env,
      workingDir: image.workingDir,
      mounts: order.mounts,
      profile,
      ids,
      networkNamespacePath: network.path,
      ...(taskFolder ? { taskDir: taskFolder.path } : {}),
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
      taskFolder,
      pids: profile.pids,
      resources: stack.move(),
      onStrayLine: (line, functionName) => {
        if (functionName !== undefined) logs.append({ ...line, functionName });
        else logger.debug({ sandboxId: id, text: line.text }, 'A container said something.');
      },
      onLeftBehind: (error) =>
        logger.error({ sandboxId: id, error }, 'A sandbox left something behind.'),
    });
  }
}
