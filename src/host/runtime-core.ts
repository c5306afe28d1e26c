import { availableParallelism } from 'node:os';
import { defaultScratchBytes } from '../config/function/scratch.ts';
import { httpChannel } from '../containers/channels/http-channel.ts';
import { lambdaChannel } from '../containers/channels/lambda-channel.ts';
import { CompiledCode } from '../containers/compiled-code.ts';
import { ContainerMaker, type ContainerMakerOptions } from '../containers/container-maker.ts';
import { IdleFreezer } from '../containers/pool/idle-freezer.ts';
import { SandboxPool } from '../containers/pool/sandbox-pool.ts';
import { Tokens } from '../containers/pool/tokens.ts';
import { RootMounts } from '../containers/root-mounts.ts';
import { ContainerSandboxFactory } from '../containers/sandbox-factory.ts';
import { SecretGiver } from '../containers/secret-giver.ts';
import { StemPools } from '../containers/stem-pools.ts';
import type { Workspace } from '../containers/workspace.ts';
import type { FactPublisher } from '../domain/facts.ts';
import type { NodeImages } from '../images/index.ts';
import { mountPlan, type NodeVolumes } from '../volumes/index.ts';
import type { WorkerNetwork } from './network.ts';
import type { workerSecurity } from './security.ts';

/** What a stem may have before it has a function; it needs a fraction of it. */
const stemMemoryBytes = 128 * 1024 * 1024;

/** Sandboxes at work may be promised so many times the processors there are: most of them wait. */
const cpuOvercommit = 32;

type Maker = Pick<ContainerMakerOptions, 'engine' | 'profile' | 'idRanges' | 'usage' | 'logger'>;

interface RuntimeCoreOptions extends Maker {
  readonly workspace: Workspace;
  readonly volumes: NodeVolumes;
  readonly network: WorkerNetwork;
  readonly security: Awaited<ReturnType<typeof workerSecurity>>;
  readonly images: NodeImages;
  /** For all sandboxes together. */
  readonly memoryBytes: number;
  /** Processors that they may be promised together; undefined: many times the machine's. */
  readonly cpu: number | undefined;
  /** Kept for each runtime in use. */
  readonly stems: number;
  readonly facts: FactPublisher;
}

/** What makes a worker's sandboxes, keeps them ready, and lends them. */
export function runtimeCore(options: RuntimeCoreOptions) {
  const { workspace, volumes, network, security, images, facts, ...rest } = options;
  const { engine, profile, idRanges, usage, logger } = rest;
  const roots = new RootMounts(workspace.rootsDir);
  const maker = new ContainerMaker({
    engine,
    profile,
    idRanges,
    volumes: volumes.lender,
    scratchDisks: volumes.scratchDisks,
    network: network.provider,
    roots,
    tasksDir: workspace.tasksDir,
    secretsDir: workspace.secretsDir,
    logs: security.logs,
    usage,
    logger,
  });
  const memory = new Tokens(options.memoryBytes);
  const mounts = mountPlan(defaultScratchBytes);
  const stems = new StemPools({
    maker,
    loadImage: (runtime, signal) => images.prepareBase(runtime, signal),
    mounts,
    memoryBytes: stemMemoryBytes,
    memory,
    size: options.stems,
    logger,
  });
  const compiledCode = new CompiledCode({ maker, mounts, memory, logger });
  const containers = new ContainerSandboxFactory({
    maker,
    stems,
    compiledCode,
    roots,
    planMounts: mountPlan,
    channels: { lambda: lambdaChannel(network.sockets), http: httpChannel(network.sockets) },
    stemScratchBytes: defaultScratchBytes,
    facts,
  });
  const freezer = new IdleFreezer();
  const pool = new SandboxPool({
    factory: new SecretGiver({ factory: containers, ...security.forSandboxes }),
    freezer,
    memory,
    cpu: new Tokens(options.cpu ?? availableParallelism() * cpuOvercommit),
    yieldStems: (bytes) => stems.yield(bytes),
    facts,
  });
  return { maker, stems, compiledCode, freezer, pool };
}
