import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ContainerMaker, type MakerOrder } from '../../src/containers/container-maker.ts';
import { OciEngine } from '../../src/containers/oci-engine.ts';
import { findOciRuntime } from '../../src/containers/oci-runtime.ts';
import { httpChannel } from '../../src/containers/channels/http-channel.ts';
import { lambdaChannel } from '../../src/containers/channels/lambda-channel.ts';
import { RootMounts } from '../../src/containers/root-mounts.ts';
import type { SandboxFactoryOptions } from '../../src/containers/sandbox-factory.ts';
import { Workspace } from '../../src/containers/workspace.ts';
import type { IdRangeProvider } from '../../src/domain/container.ts';
import type { ContainerEngine } from '../../src/domain/container-engine.ts';
import type { ScratchDisks } from '../../src/domain/volume.ts';
import type { NetworkProvider } from '../../src/domain/network.ts';
import { ServiceGroup } from '../../src/lib/lifecycle.ts';
import {
  CgroupTree,
  hideUnifiedHierarchy,
  NetworkNamespaces,
  readCgroupLayout,
} from '../../src/linux/index.ts';
import { NamespacePool } from '../../src/network/namespace-pool.ts';
import { IdRanges } from '../../src/security/id-ranges.ts';
import { strictProfile } from '../../src/security/strict-profile.ts';
import { mountPlan } from '../../src/volumes/mount-plan.ts';
import { noVolumes } from '../../src/volumes/sandbox-volumes.ts';
import { ScratchImages } from '../../src/volumes/scratch-images.ts';
import { makeSmallRoot } from './small-root.ts';
import { routedNetworks, type RoutedNetworkOptions } from './routed-network.ts';
import { silentLogger } from './silent-logger.ts';

/** What the parts of a runtime core may be replaced by on their way into it. */
export interface Decorations {
  readonly idRanges?: (real: IdRangeProvider) => IdRangeProvider;
  readonly scratchDisks?: (real: ScratchDisks) => ScratchDisks;
  readonly network?: (real: NetworkProvider) => NetworkProvider;
  readonly roots?: (real: Pick<RootMounts, 'lease'>) => Pick<RootMounts, 'lease'>;
  readonly cgroups?: (real: CgroupTree) => CgroupTree;
  readonly engine?: (real: ContainerEngine) => ContainerEngine;
  /** Network namespaces made ahead; else none, so that what is there can be counted. */
  readonly readyNamespaces?: number;
  /** Sandboxes can be connected through this network namespace; else to nothing. */
  readonly router?: Pick<RoutedNetworkOptions, 'router' | 'nodeId'>;
}

/** A worker's runtime core, put together as the host does it. */
export interface RuntimeCore {
  readonly maker: ContainerMaker;
  readonly cgroups: CgroupTree;
  readonly roots: RootMounts;
  readonly channels: SandboxFactoryOptions['channels'];
  /** An order for a stem in which a shell and two children sleep. */
  readonly order: MakerOrder;
  stop(): Promise<void>;
}

const noConnection = { connect: async () => {}, open: () => {}, close: () => {} };

/** Only for a process in a mount namespace of its own; `dir` is its alone. */
export async function openRuntimeCore(
  dir: string,
  cgroupsPath: string,
  decorate: Decorations = {},
): Promise<RuntimeCore> {
  await chmod(dir, 0o711); // the mapped ids pass through it
  const layout = readCgroupLayout();
  hideUnifiedHierarchy(layout);
  const cgroups = new CgroupTree(layout, cgroupsPath);
  const workspace = new Workspace(join(dir, 'run'));
  const namespaces = new NetworkNamespaces();
  const { provider: network, services: networkServices } = networksOf(
    workspace,
    namespaces,
    decorate,
  );
  const services = new ServiceGroup('runtime core', [workspace, namespaces, ...networkServices]);
  await services.start(AbortSignal.timeout(30_000));
  const root = await makeSmallRoot(dir);
  await mkdir(join(root.dir, 'var/task'), { recursive: true });
  const roots = new RootMounts(workspace.rootsDir);
  const engine = new OciEngine({
    runtime: await findOciRuntime('crun'),
    classes: new Map(),
    cgroups: decorate.cgroups?.(cgroups) ?? cgroups,
    cgroupsPath,
    bundlesDir: workspace.bundlesDir,
  });
  const idRanges = new IdRanges();
  const scratchDisks = new ScratchImages({
    dir: join(dir, 'scratch'),
    mountsDir: join(workspace.volumesDir, 'scratch'),
  });
  await scratchDisks.removeLeftovers();
  const maker = new ContainerMaker({
    engine: decorate.engine?.(engine) ?? engine,
    profile: strictProfile(process.arch),
    idRanges: decorate.idRanges?.(idRanges) ?? idRanges,
    network: decorate.network?.(network) ?? network,
    roots: decorate.roots?.(roots) ?? roots,
    volumes: { lend: async () => noVolumes() },
    scratchDisks: decorate.scratchDisks?.(scratchDisks) ?? scratchDisks,
    tasksDir: workspace.tasksDir,
    secretsDir: workspace.secretsDir,
    logs: { append: () => {} },
    usage: { add: () => {}, collectFrom: () => {} },
    logger: silentLogger,
  });
  return {
    maker,
    cgroups,
    roots,
    channels: { lambda: lambdaChannel(namespaces), http: httpChannel(namespaces) },
    order: {
      image: {
        digest: `sha256:${'0'.repeat(64)}`,
        layerDirs: [root.dir],
        env: ['PATH=/usr/bin:/bin'],
        entrypoint: ['/bin/sh', '-c', 'sleep 600 & sleep 600 & wait'],
        cmd: [],
        user: { uid: 1000, gid: 1000 },
        workingDir: '/',
        labels: {},
      },
      memoryBytes: 32 * 1024 * 1024,
      cpu: 1,
      mounts: [...root.mounts, ...mountPlan(1024 * 1024)],
      volumes: [],
      hasTaskFolder: true,
    },
    stop: () => services.stop(AbortSignal.timeout(10_000)),
  };
}

function networksOf(
  { namespacesDir: dir, addressesDir }: Workspace,
  namespaces: NetworkNamespaces,
  { router, readyNamespaces = 0 }: Decorations,
): ReturnType<typeof routedNetworks> {
  if (router) return routedNetworks({ ...router, namespaces, pinsDir: dir, addressesDir });
  const options = { maker: namespaces, dir, size: readyNamespaces, logger: silentLogger };
  const pool = new NamespacePool(options);
  const lease = async () => ({ ...(await pool.lease()), ...noConnection });
  return { provider: { lease }, services: [pool] };
}
