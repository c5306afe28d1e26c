import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { ContainerMount, IdRangeProvider, SecurityProfile } from '../domain/container.ts';
import type { ContainerEngine } from '../domain/container-engine.ts';
import type { PreparedImage } from '../domain/image.ts';
import type { MakingStep } from '../domain/invocation.ts';
import type { LogStore } from '../domain/log.ts';
import type { Logger } from '../domain/logger.ts';
import type { NetworkProvider } from '../domain/network.ts';
import type { ChannelKind } from '../domain/sandbox-channel.ts';
import type { NodeSandboxes } from '../domain/sandbox-view.ts';
import type { ScratchDisks, VolumeLender, VolumeMount } from '../domain/volume.ts';
import type { UseTally } from '../domain/usage.ts';
import { StepsWatch } from '../lib/steps-watch.ts';
import { ContainerSandbox } from './container-sandbox.ts';
import type { ImageProgram } from './image-program.ts';
import { nativeChannel } from './channels/native-channel.ts';
import type { RootMounts } from './root-mounts.ts';
import { SecretFolder, type SecretFiles } from './secret-folder.ts';
import { TaskFolder } from './task-folder.ts';
import { scratchPaths } from './tidiness.ts';

export interface ContainerMakerOptions {
  readonly engine: ContainerEngine;
  readonly profile: SecurityProfile;
  readonly idRanges: IdRangeProvider;
  readonly network: NetworkProvider;
  readonly volumes: VolumeLender;
  readonly scratchDisks: ScratchDisks;
  readonly roots: Pick<RootMounts, 'lease'>;
  /** Where folders for the code of stems are made. */
  readonly tasksDir: string;
  /** Where files with secrets are made; in memory, and never swapped out. */
  readonly secretsDir: string;
  readonly logs: Pick<LogStore, 'append'>;
  readonly usage: UseTally;
  readonly logger: Logger;
}

export interface MakerOrder {
  readonly image: PreparedImage;
  readonly memoryBytes: number;
  readonly cpu: number;
  readonly mounts: readonly ContainerMount[];
  /** What to run in it, and as whom; what the image's entrypoint says where it is left out. */
  readonly program?: ImageProgram;
  /** How to talk with what runs in it; `native` where it is left out. */
  readonly channel?: ChannelKind;
  readonly volumes: readonly VolumeMount[];
  /** Of a scratch volume on disk; without it, `mounts` has one. */
  readonly scratchDiskBytes?: number;
  readonly runtimeClass?: string | undefined;
  /** Those there at its start; of one whose function is not known yet: none. Absent: for none ever. */
  readonly secretFiles?: SecretFiles | undefined;
  /** The function is not known yet: its code will be put into the running container. */
  readonly hasTaskFolder: boolean;
}

/** Starts containers with all they hold: every step's undo is recorded before the next step. */
export class ContainerMaker {
  readonly #options: ContainerMakerOptions;
  readonly #made = new Set<ContainerSandbox>();

  constructor(options: ContainerMakerOptions) {
    this.#options = options;
    options.usage.collectFrom(() => this.#made.forEach((sandbox) => sandbox.tellUse()));
  }

  /** Resolves when the OCI runtime has been started. @throws HostError; nothing is left then. */
  async make(order: MakerOrder, signal: AbortSignal): Promise<ContainerSandbox> {
    const { engine, profile, roots, tasksDir, secretsDir, logs, usage, logger } = this.#options;
    const { image, memoryBytes, cpu } = order;
    const { uid, gid } = profile;
    const program = order.program ?? { args: image.entrypoint, env: image.env, uid, gid };
    const id = randomUUID();
    const watch = new StepsWatch<MakingStep>();
    await using stack = new AsyncDisposableStack();
    const ids = stack.use(this.#options.idRanges.lease());
    const user = { id, ids, uid: program.uid, gid: program.gid };
    const volumes = stack.use(await this.#options.volumes.lend(order.volumes, user, signal));
    const mounts = [...order.mounts];
    if (order.scratchDiskBytes !== undefined) {
      const made = await this.#options.scratchDisks.make(order.scratchDiskBytes, user);
      mounts.push(stack.use(made).mount);
    }
    watch.did('volumes');
    const network = stack.use(await this.#options.network.lease());
    const channel = stack.use(await (order.channel ?? nativeChannel).prepare(network.path));
    watch.did('network');
    const mountPoints = order.volumes.map(({ mount }) => mount);
    const secretFolder =
      order.secretFiles && stack.use(new SecretFolder(join(secretsDir, id), user));
    if (secretFolder) {
      secretFolder.write(order.secretFiles);
      mounts.push(secretFolder.mount);
      mountPoints.push(secretFolder.mount.destination);
    }
    const root = stack.use(roots.lease(image, mountPoints));
    const taskFolder = order.hasTaskFolder
      ? stack.use(new TaskFolder(join(tasksDir, id)))
      : undefined;
    watch.did('root');
    const container = await engine.create({
      id,
      limits: { memoryBytes, cpu, pids: profile.pids },
      ...(order.runtimeClass === undefined ? {} : { runtimeClass: order.runtimeClass }),
      rootDir: root.path,
      args: program.args,
      env: program.env,
      workingDir: image.workingDir,
      mounts: [...mounts, ...volumes.mounts],
      profile: { ...profile, uid: program.uid, gid: program.gid },
      ids,
      networkNamespacePath: network.path,
      ...(taskFolder ? { taskDir: taskFolder.path } : {}),
    });
    stack.defer(() => container.delete());
    watch.did('create');
    const sandbox = new ContainerSandbox({
      id,
      memoryBytes,
      making: watch.timings,
      container,
      channel,
      network,
      taskFolder,
      secretFolder,
      pids: profile.pids,
      volumes,
      scratch: scratchPaths(mounts),
      resources: stack.move(),
      onStrayLine: (line, functionName) => {
        if (functionName !== undefined) logs.append({ ...line, functionName });
        else logger.debug({ sandboxId: id, text: line.text }, 'A container said something.');
      },
      onUsed: (functionName, cpuUsec) => usage.add(functionName, { cpuMs: cpuUsec / 1000 }),
      onLeftBehind: (error) =>
        logger.error({ sandboxId: id, error }, 'A sandbox left something behind.'),
    });
    this.#made.add(sandbox);
    void sandbox.gone.then(() => this.#made.delete(sandbox));
    return sandbox;
  }

  /** All that are not gone yet, stems among them. Reads some ten files for each: for operators. */
  list(idPrefix: string): ReturnType<NodeSandboxes> {
    return [...this.#made].filter(({ id }) => id.startsWith(idPrefix)).map((s) => s.inspect());
  }
}
