import type { Readable } from 'node:stream';
import type { FunctionDeployer } from '../domain/deployer.ts';
import { HostError } from '../domain/errors.ts';
import type { FactPublisher } from '../domain/facts.ts';
import {
  liveVersion,
  type FunctionRecord,
  type FunctionSpec,
  type FunctionStore,
} from '../domain/function.ts';
import type { ImageProvider, PackageBuilder } from '../domain/image.ts';
import { missingSecrets, type SecretSource } from '../domain/secret.ts';
import { KeyedMutex } from '../lib/keyed-mutex.ts';
import { nextRecord } from './next-record.ts';

/** An unpack of the largest image on a slow disk; past it something is broken. */
const prepareLimitMs = 10 * 60_000;

export interface FunctionDeployerOptions {
  readonly functions: FunctionStore;
  readonly packages: PackageBuilder;
  /** Unpacks it before any traffic comes to it. */
  readonly images: Pick<ImageProvider, 'prepare'>;
  readonly secrets: SecretSource;
  readonly facts: FactPublisher;
  readonly now?: () => Date;
}

export function createFunctionDeployer(options: FunctionDeployerOptions): FunctionDeployer {
  const { functions, packages, images, secrets, facts, now = () => new Date() } = options;
  const mutex = new KeyedMutex<string>();

  async function deploy(
    spec: FunctionSpec,
    packageTar: Readable,
  ): Promise<{ record: FunctionRecord; changed: boolean }> {
    const { missing } = secrets.bind(spec);
    if (missing.length > 0) throw lacksSecrets(spec.name, missing);
    const digest = await packages.build(spec, packageTar);
    const existing = functions.get(spec.name);
    const record = nextRecord(existing, digest, spec, now());
    if (record === existing) return { record, changed: false };
    await images.prepare(digest, AbortSignal.timeout(prepareLimitMs));
    await functions.put(record);
    const { number } = liveVersion(record);
    facts.publish('function.deployed', { functionName: spec.name, version: digest, number });
    return { record, changed: true };
  }

  async function remove(name: string): Promise<boolean> {
    const removed = await functions.remove(name);
    if (removed) facts.publish('function.removed', { functionName: name });
    return removed;
  }

  return {
    deploy: (spec, packageTar) => mutex.run(spec.name, () => deploy(spec, packageTar)),
    remove: (name) => mutex.run(name, () => remove(name)),
  };
}

const lacksSecrets = (name: string, missing: readonly string[]): HostError =>
  new HostError('invalid', 'secrets.missing', missingSecrets(name, missing), {
    details: { missing },
  });
