import type { AsyncSettings } from './async-settings.ts';
import type { FactPattern } from './fact-pattern.ts';
import type { HttpTrigger } from './http-trigger.ts';
import type { Digest } from './ids.ts';
import type { NetworkSpec } from './network.ts';
import type { QueueTrigger } from './queue-trigger.ts';
import type { RecordStore } from './record-store.ts';
import type { CronTrigger } from './schedule.ts';
import type { VolumeMount } from './volume.ts';

/** Language runtimes with a base image of their own; the first is the default. */
export const runtimes = ['node24', 'node22', 'node26', 'bun1', 'python3'] as const;
export type Runtime = (typeof runtimes)[number];

/** An image of the user's own. */
export interface ImageSpec {
  /** Its name, or its digest; a name is looked up at the deploy and means the same from then on. */
  readonly reference: string;
  /** `auto`: as the image looks. */
  readonly channel: 'lambda' | 'http' | 'auto';
}

/** Times in which more sandboxes are kept ready, from one schedule's time to the other's next. */
export interface ProvisionedWindow {
  readonly from: string;
  readonly until: string;
  /** IANA. */
  readonly timeZone: string;
  readonly count: number;
}

/**
 * What `hearth.json` says, checked and with every default filled in. Immutable: it is recorded in
 * the version's image (label `dev.hearth.function`), so that a digest names code and settings.
 */
/** A secret as a file: of the name `file` in /run/secrets. */
export interface SecretFile {
  readonly name: string;
  readonly file: string;
}

export interface FunctionSpec {
  readonly name: string;
  readonly runtime: Runtime | 'image';
  /** Where `runtime` is `image`. */
  readonly image?: ImageSpec;
  /** The module to load, relative to the package's root; '' for an image. */
  readonly entry: string;
  readonly memoryBytes: number;
  /** Processors; 0.5 is half of one. */
  readonly cpu: number;
  readonly timeoutMs: number;
  /** A stream on which nothing moves for so long ends; absent: `usualIdleTimeoutMs`. */
  readonly idleTimeoutMs?: number;
  /** Invocations that one sandbox serves at once. */
  readonly concurrency: number;
  readonly env: Readonly<Record<string, string>>;
  /** Names of secrets, each an environment variable; their values are nowhere in a version. */
  readonly secrets: readonly string[];
  /** Secrets that it finds as files in /run/secrets; absent: none. */
  readonly secretFiles?: readonly SecretFile[];
  /** Absent: no HTTP trigger. */
  readonly http: HttpTrigger | undefined;
  /**
   * `function`: sandboxes are reused for the same version. `tenant`: and for the same caller only.
   * `invocation`: never reused.
   */
  readonly isolation: 'function' | 'tenant' | 'invocation';
  /** An OCI runtime that the operator of the node names; absent: the node's own. */
  readonly runtimeClass?: string;
  /** What a node must have to run it; absent: nothing in particular. */
  readonly placement?: { readonly labels: Readonly<Record<string, string>> };
  readonly scratchBytes: number;
  /** Absent: in memory, and counted as such. */
  readonly scratchOnDisk?: boolean;
  readonly volumes: readonly VolumeMount[];
  /** Absent: a loopback interface and nothing else. */
  readonly network?: NetworkSpec;
  /**
   * `max` bounds the sandboxes of this function on a node, `min` are kept there; `keepWarmMs` is an
   * idle one's life, learnt from the function's idle times where it is absent.
   */
  readonly scaling: {
    readonly min: number;
    readonly max: number;
    readonly keepWarmMs?: number;
    /** Absent: `min` at all times. */
    readonly provisioned?: readonly ProvisionedWindow[];
  };
  /** Absent: no schedules. */
  readonly cron?: readonly CronTrigger[];
  /** Absent: the defaults. */
  readonly async?: AsyncSettings;
  /** Queues of applications whose jobs invoke it. */
  readonly queues?: readonly QueueTrigger[];
  /** Facts that invoke it. */
  readonly events?: readonly FactPattern[];
}

/** Can any code that has these settings be given a request's body while that is on its way? */
export function mayTakeStreams({ runtime, image }: FunctionSpec): boolean {
  return runtime === 'image' ? image?.channel !== 'lambda' : runtime !== 'python3';
}

/** An immutable deployed revision: an image by digest. Numbers count up from 1 per function. */
export interface FunctionVersion {
  readonly number: number;
  readonly digest: Digest;
  readonly spec: FunctionSpec;
  /** ISO 8601. */
  readonly createdAt: string;
}

/** A part of the traffic that goes to another version than the live one. */
export interface TrafficSplit {
  readonly version: Digest;
  /** Of all invocations that name no version, 1 to 99. */
  readonly percent: number;
  /** Who sends the same value here always meets the same version. */
  readonly stickyBy?: { readonly kind: 'header' | 'cookie'; readonly name: string };
  /** Absent: it stays as it is. */
  readonly canary?: Canary;
}

/** How a split grows by itself until its version is live, or ends because that one does worse. */
export interface Canary {
  /** Percents to come after the split's own, rising; after the last of them it is live. */
  readonly next: readonly number[];
  /** For so long at least each percent holds. */
  readonly everyMs: number;
  /** ISO 8601: when the split got its percent. */
  readonly since: string;
  /** So many percent more of its invocations may fail than of the live version's. */
  readonly maxErrorPercent: number;
  /** Its 95th percentile of run times may be so many times the live version's. */
  readonly maxSlowdown: number;
}

/** How the last canary of a function ended. */
export interface CanaryEnd {
  readonly version: Digest;
  readonly result: 'promoted' | 'rolled_back';
  /** A sentence for people. */
  readonly reason: string;
  /** ISO 8601. */
  readonly at: string;
}

/** What the user named: its versions, newest last, and the one that serves. */
export interface FunctionRecord {
  readonly name: string;
  /** Counts every change; a write names the revision that it read. */
  readonly revision: number;
  readonly live: Digest;
  /** What was live before: where a rollback goes. */
  readonly previous?: Digest;
  readonly split?: TrafficSplit;
  readonly canaryEnd?: CanaryEnd;
  /** Names for versions. */
  readonly aliases?: Readonly<Record<string, Digest>>;
  readonly versions: readonly FunctionVersion[];
}

/** Where functions are recorded. */
export type FunctionStore = RecordStore<FunctionRecord>;

/** The version that serves; where the traffic is split, most of it or the rest of it. */
export function liveVersion(record: FunctionRecord): FunctionVersion {
  return recordedVersion(record, record.live);
}

/** Names of the functions whose live version is one of these, sorted. */
export function functionsWhoseLive(
  functions: Pick<FunctionStore, 'list'>,
  isOne: (spec: FunctionSpec) => boolean,
): readonly string[] {
  return functions
    .list()
    .filter((record) => isOne(liveVersion(record).spec))
    .map(({ name }) => name)
    .toSorted();
}

/** The version that an invocation gets; `chance` is in [0, 1). */
export function chosenVersion(record: FunctionRecord, chance: number): FunctionVersion {
  const { split } = record;
  const isSplit = split !== undefined && chance * 100 < split.percent;
  return recordedVersion(record, isSplit ? split.version : record.live);
}

/** By its number, an alias, `live` or `latest`; undefined when there is none. */
export function namedVersion(record: FunctionRecord, name: string): FunctionVersion | undefined {
  if (name === 'live') return liveVersion(record);
  if (name === 'latest') return record.versions.at(-1);
  const alias = Object.hasOwn(record.aliases ?? {}, name) ? record.aliases?.[name] : undefined;
  if (alias !== undefined) return recordedVersion(record, alias);
  return record.versions.find(({ number }) => String(number) === name);
}

/** All that can be called by something that lasts: not by their numbers. */
export function servedVersions(record: FunctionRecord): ReadonlySet<Digest> {
  const { live, split, aliases = {}, versions } = record;
  const latest = versions.at(-1);
  return new Set([
    live,
    ...(split ? [split.version] : []),
    ...(latest ? [latest.digest] : []),
    ...Object.values(aliases),
  ]);
}

function recordedVersion({ name, versions }: FunctionRecord, digest: Digest): FunctionVersion {
  const version = versions.findLast((one) => one.digest === digest);
  if (!version) throw new TypeError(`${name} has no version ${digest}`);
  return version;
}
