import type { Readable } from 'node:stream';
import type {
  CanaryMove,
  DeployedVersion,
  DeployOptions,
  FunctionDeployer,
  UnreadyNode,
} from '../domain/deployer.ts';
import { HostError } from '../domain/errors.ts';
import type { FactPublisher } from '../domain/facts.ts';
import {
  liveVersion,
  type FunctionRecord,
  type FunctionSpec,
  type FunctionStore,
  type FunctionVersion,
} from '../domain/function.ts';
import type { Digest } from '../domain/ids.ts';
import type { ImageProvider, PackageBuilder } from '../domain/image.ts';
import type { ImageProgress } from '../domain/image-catalog.ts';
import { missingSecrets, secretsNeeded, type SecretSource } from '../domain/secret.ts';
import type { BuiltVersion } from '../domain/version.ts';
import { KeyedMutex } from '../lib/keyed-mutex.ts';
import { withCanaryMoved } from './canary-changes.ts';
import { nextRecord } from './next-record.ts';
import type { NodesProgress } from './node-versions.ts';
import { rolledBack, withAlias, withTraffic } from './traffic-changes.ts';

/** An unpack of the largest image on a slow disk; past it something is broken. */
const prepareLimitMs = 10 * 60_000;

export interface FunctionDeployerOptions {
  readonly functions: FunctionStore;
  readonly packages: PackageBuilder;
  /** Unpacks it before any traffic comes to it. */
  readonly images: Pick<ImageProvider, 'prepare'>;
  /** Takes a new version to where nodes pull it from, before any traffic comes to it; default: nowhere. */
  readonly publish?: (
    version: BuiltVersion,
    onProgress: (blob: ImageProgress) => void,
  ) => Promise<void>;
  /** Has the nodes that may run a version make it ready; default: there are none. */
  readonly readyNodes?: (
    spec: FunctionSpec,
    digest: Digest,
    onProgress?: NodesProgress,
  ) => Promise<readonly UnreadyNode[]>;
  readonly secrets: SecretSource;
  /** Throws HostError `invalid` for what cannot work on this installation; default: nothing. */
  readonly admit?: (spec: FunctionSpec) => void;
  /** Throws for what cannot be live beside the other functions; default: nothing. */
  readonly admitLive?: (spec: FunctionSpec) => void;
  readonly facts: FactPublisher;
  readonly now?: () => Date;
}

export function createFunctionDeployer(options: FunctionDeployerOptions): FunctionDeployer {
  const { functions, packages, images, secrets, facts } = options;
  const { admit = () => {}, publish = async () => {}, now = () => new Date() } = options;
  const { readyNodes = async () => [], admitLive = () => {} } = options;
  const mutex = new KeyedMutex<string>();

  async function deploy(
    spec: FunctionSpec,
    packageTar: Readable,
    { isStaged = false, onProgress = () => {} }: DeployOptions,
  ): Promise<DeployedVersion> {
    const onBlob = (blob: ImageProgress) => onProgress({ blob });
    admit(spec);
    const { missing } = secrets.bind({ name: spec.name, secrets: secretsNeeded(spec) });
    if (missing.length > 0) throw lacksSecrets(spec.name, missing);
    const digest = await packages.build(spec, packageTar, onBlob);
    const existing = functions.get(spec.name);
    const record = nextRecord(existing, { digest, spec, isStaged }, now());
    const version = record.versions.findLast((one) => one.digest === digest) ?? liveVersion(record);
    if (record === existing) return { record, version, changed: false, unreadyNodes: [] };
    if (record.live !== existing?.live) admitLive(liveVersion(record).spec);
    const { number } = version;
    await images.prepare(digest, AbortSignal.timeout(prepareLimitMs));
    await publish({ functionName: spec.name, number, digest, runtime: spec.runtime }, onBlob);
    const unreadyNodes = await readyNodes(spec, digest, (nodes) => onProgress({ nodes }));
    await functions.put(record);
    facts.publish('function.deployed', { functionName: spec.name, version: digest, number });
    return { record, version, changed: true, unreadyNodes };
  }

  async function remove(name: string): Promise<boolean> {
    const removed = await functions.remove(name);
    if (removed) facts.publish('function.removed', { functionName: name });
    return removed;
  }

  /** Prepares what the change sends traffic to, then makes it hold. */
  async function change(
    name: string,
    changed: (record: FunctionRecord) => FunctionRecord,
  ): Promise<FunctionRecord> {
    const existing = functions.get(name);
    if (!existing) throw noFunction(name);
    const record = changed(existing);
    if (record.live !== existing.live) admitLive(liveVersion(record).spec);
    const { live, split } = record;
    const signal = AbortSignal.timeout(prepareLimitMs);
    for (const { digest, spec } of newlyCalled(record, existing)) {
      await images.prepare(digest, signal);
      await readyNodes(spec, digest);
    }
    await functions.put(record);
    if (live !== existing.live || split !== existing.split) {
      const told = split && { version: split.version, percent: split.percent };
      const data = { functionName: name, live, ...(told ? { split: told } : {}) };
      facts.publish('function.traffic_changed', data);
    }
    return record;
  }

  async function moveCanary(
    name: string,
    revision: number,
    move: CanaryMove,
  ): Promise<FunctionRecord> {
    const version = functions.get(name)?.split?.version;
    const record = await change(name, (existing) => {
      if (existing.revision !== revision) throw changedMeanwhile(name);
      return withCanaryMoved(existing, move, now());
    });
    if (version === undefined) return record;
    const { kind, reason } = move;
    const { split, live } = record;
    const percent = split?.percent ?? (live === version ? 100 : 0);
    const advanced = split ? 'advanced' : 'promoted';
    facts.publish('function.canary_moved', {
      functionName: name,
      version,
      move: kind === 'roll_back' ? 'rolled_back' : advanced,
      percent,
      reason,
    });
    return record;
  }

  const changing = (name: string, changed: (record: FunctionRecord) => FunctionRecord) =>
    mutex.run(name, () => change(name, changed));
  return {
    deploy: (spec, packageTar, deployOptions = {}) =>
      mutex.run(spec.name, () => deploy(spec, packageTar, deployOptions)),
    setTraffic: (name, traffic) => changing(name, (record) => withTraffic(record, traffic, now())),
    rollback: (name) => changing(name, rolledBack),
    moveCanary: (name, revision, move) => mutex.run(name, () => moveCanary(name, revision, move)),
    setAlias: (name, alias, version) =>
      changing(name, (record) => withAlias(record, alias, version)),
    remove: (name) => mutex.run(name, () => remove(name)),
  };
}

/** What gets traffic or a name that had neither; what was live before is ready still. */
function newlyCalled(record: FunctionRecord, existing: FunctionRecord): readonly FunctionVersion[] {
  const now = called(record);
  const before = called(existing).add(existing.previous);
  const latest = new Map(record.versions.map((version) => [version.digest, version]));
  return [...latest.values()].filter(({ digest }) => now.has(digest) && !before.has(digest));
}

const called = ({ live, split, aliases = {} }: FunctionRecord): Set<Digest | undefined> =>
  new Set([live, split?.version, ...Object.values(aliases)]);

const lacksSecrets = (name: string, missing: readonly string[]): HostError =>
  new HostError('invalid', 'secrets.missing', missingSecrets(name, missing), {
    details: { missing },
  });

const changedMeanwhile = (name: string): HostError =>
  new HostError('conflict', 'functions.conflict', `"${name}" was changed meanwhile; try again.`);

const noFunction = (name: string): HostError =>
  new HostError('not_found', 'functions.unknown', `There is no function "${name.slice(0, 80)}".`);
