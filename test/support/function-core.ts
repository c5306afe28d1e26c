import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { CompiledCode } from '../../src/containers/compiled-code.ts';
import type { MakerOrder } from '../../src/containers/container-maker.ts';
import { IdleFreezer } from '../../src/containers/pool/idle-freezer.ts';
import { SandboxPool } from '../../src/containers/pool/sandbox-pool.ts';
import { ContainerSandboxFactory } from '../../src/containers/sandbox-factory.ts';
import { StemPools } from '../../src/containers/stem-pools.ts';
import { Tokens } from '../../src/containers/pool/tokens.ts';
import type { FunctionSpec } from '../../src/domain/function.ts';
import type { PreparedImage } from '../../src/domain/image.ts';
import type { PreparedVersion } from '../../src/domain/version.ts';
import { createImages, machinePrograms } from '../../src/images/index.ts';
import { ServiceGroup } from '../../src/lib/lifecycle.ts';
import { mountPlan } from '../../src/volumes/index.ts';
import { specOf } from './function-records.ts';
import { openRuntimeCore, type RuntimeCore } from './runtime-core.ts';
import { silentLogger } from './silent-logger.ts';
import { makeTar } from './tar.ts';

/** A runtime core that runs functions for Node: with images, stems and a pool. */
export interface FunctionCore extends Omit<RuntimeCore, 'channels'> {
  readonly base: PreparedImage;
  readonly stemOrder: MakerOrder;
  readonly pool: SandboxPool;
  /** A version whose module is this source. */
  prepare(source: string, settings: Partial<FunctionSpec>): Promise<PreparedVersion>;
}

const never = new AbortController().signal;
const ready = 8; // of stems and namespaces
const plenty = 1024 ** 4; // what is measured is not to wait for room

/** Only for a process in a mount namespace of its own; `dir` is its alone. */
export async function openFunctionCore(dir: string, cgroupsPath: string): Promise<FunctionCore> {
  const core = await openRuntimeCore(dir, cgroupsPath, { readyNamespaces: ready });
  const images = createImages({
    dir: join(dir, 'images'),
    runtimeDir: fileURLToPath(new URL('../../runtime', import.meta.url)),
    programs: machinePrograms(process.arch),
    registries: { credentialsFile: '/nonexistent', plainHosts: [] },
  });
  await images.open({ exclusive: true });
  const { digest } = await images.baseImages.ensure('node24');
  const base = await images.provider.prepare(digest, never);
  const { memoryBytes, scratchBytes, cpu } = specOf('stem');
  const memory = new Tokens(plenty);
  const mounts = mountPlan(scratchBytes);
  const stems = new StemPools({
    maker: core.maker,
    loadImage: async () => base,
    mounts,
    memoryBytes,
    memory,
    size: ready,
    logger: silentLogger,
  });
  const facts = { publish: () => {} };
  const { maker } = core;
  const compiledCode = new CompiledCode({ maker, mounts, memory, logger: silentLogger });
  const factory = new ContainerSandboxFactory({
    maker,
    stems,
    compiledCode,
    roots: core.roots,
    planMounts: mountPlan,
    channels: core.channels,
    stemScratchBytes: scratchBytes,
    facts,
  });
  const freezer = new IdleFreezer();
  const yieldStems = (bytes: number) => stems.yield(bytes);
  const pool = new SandboxPool({
    factory,
    freezer,
    memory,
    cpu: new Tokens(plenty),
    yieldStems,
    facts,
  });
  const services = new ServiceGroup('function core', [stems, compiledCode, freezer, pool]);
  await services.start(AbortSignal.timeout(30_000));
  stems.use(new Set(['node24']));
  return {
    ...core,
    base,
    stemOrder: { image: base, memoryBytes, cpu, mounts, volumes: [], hasTaskFolder: true },
    pool,
    prepare: async (source, settings) => {
      const spec = specOf('measured', { entry: 'index.mjs', ...settings });
      const tar = await makeTar([{ name: spec.entry, content: source }]);
      const version = await images.packages.build(spec, Readable.from([tar]));
      return { digest: version, spec, image: await images.provider.prepare(version, never) };
    },
    stop: async () => {
      await services.stop(AbortSignal.timeout(20_000));
      await core.stop();
    },
  };
}
