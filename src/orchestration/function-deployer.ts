import type { Readable } from 'node:stream';
import type { CanaryMove, DeployedVersion, FunctionDeployer } from '../domain/deployer.ts';
import { HostError } from '../domain/errors.ts';
import type { FactPublisher } from '../domain/facts.ts';
import {
  liveVersion,
  type FunctionRecord,
  type FunctionSpec,
  type FunctionStore,
} from '../domain/function.ts';
import type { ImageProvider, PackageBuilder } from '../domain/image.ts';
import { missingSecrets, secretsNeeded, type SecretSource } from '../domain/secret.ts';
import type { BuiltVersion } from '../domain/version.ts';
import { KeyedMutex } from '../lib/keyed-mutex.ts';
import { withCanaryMoved } from './canary-changes.ts';
import { nextRecord } from './next-record.ts';
import { rolledBack, withAlias, withTraffic } from './traffic-changes.ts';

/** An unpack of the largest image on a slow disk; past it something is broken. */
const prepareLimitMs = 10 * 60_000;

export interface FunctionDeployerOptions {
  readonly functions: FunctionStore;
  readonly packages: PackageBuilder;
  /** Unpacks it before any traffic comes to it. */
  readonly images: Pick<ImageProvider, 'prepare'>;
  /** Takes a new version to where nodes pull it from, before any traffic comes to it; default: nowhere. */
  readonly publish?: (version: BuiltVersion) => Promise<void>;
  readonly secrets: SecretSource;
  /** Throws HostError `invalid` for what cannot work on this installation; default: nothing. */
  readonly admit?: (spec: FunctionSpec) => void;
  readonly facts: FactPublisher;
  readonly now?: () => Date;
}

export function createFunctionDeployer(options: FunctionDeployerOptions): FunctionDeployer {
  const { functions, packages, images, secrets, facts } = options;
  const { admit = () => {}, publish = async () => {}, now = () => new Date() } = options;
  const mutex = new KeyedMutex<string>();

  async function deploy(
    spec: FunctionSpec,
    packageTar: Readable,
    isStaged: boolean,
  ): Promise<DeployedVersion> {
    admit(spec);
    const { missing } = secrets.bind({ name: spec.name, secrets: secretsNeeded(spec) });
    if (missing.length > 0) throw lacksSecrets(spec.name, missing);
    const digest = await packages.build(spec, packageTar);
    const existing = functions.get(spec.name);
    const record = nextRecord(existing, { digest, spec, isStaged }, now());
    const version = record.versions.findLast((one) => one.digest === digest) ?? liveVersion(record);
    if (record === existing) return { record, version, changed: false };
    const { number } = version;
    await images.prepare(digest, AbortSignal.timeout(prepareLimitMs));
    await publish({ functionName: spec.name, number, digest, runtime: spec.runtime });
    await functions.put(record);
    facts.publish('function.deployed', { functionName: spec.name, version: digest, number });
    return { record, version, changed: true };
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
    const { live, split } = record;
    const signal = AbortSignal.timeout(prepareLimitMs);
    for (const digest of split ? [live, split.version] : [live]) {
      await images.prepare(digest, signal);
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
    deploy: (spec, packageTar, { isStaged = false } = {}) =>
      mutex.run(spec.name, () => deploy(spec, packageTar, isStaged)),
    setTraffic: (name, traffic) => changing(name, (record) => withTraffic(record, traffic, now())),
    rollback: (name) => changing(name, rolledBack),
    moveCanary: (name, revision, move) => mutex.run(name, () => moveCanary(name, revision, move)),
    setAlias: (name, alias, version) =>
      changing(name, (record) => withAlias(record, alias, version)),
    remove: (name) => mutex.run(name, () => remove(name)),
  };
}

const lacksSecrets = (name: string, missing: readonly string[]): HostError =>
  new HostError('invalid', 'secrets.missing', missingSecrets(name, missing), {
    details: { missing },
  });

const changedMeanwhile = (name: string): HostError =>
  new HostError('conflict', 'functions.conflict', `"${name}" was changed meanwhile; try again.`);

const noFunction = (name: string): HostError =>
  new HostError('not_found', 'functions.unknown', `There is no function "${name.slice(0, 80)}".`);
