import type { FunctionRecord, FunctionSpec, FunctionVersion } from '../domain/function.ts';
import type { Digest } from '../domain/ids.ts';

/** Versions kept in a record, so that it stays small however often a function is deployed. */
export const versionsKept = 100;

export interface NewVersion {
  readonly digest: Digest;
  readonly spec: FunctionSpec;
  /** Does not serve before traffic is sent to it. */
  readonly isStaged: boolean;
}

/**
 * The record after deploying an image: the same object when that is what serves already, or, staged,
 * what is latest. An image that an older version has gets a new number: numbers tell the history.
 */
export function nextRecord(
  existing: FunctionRecord | undefined,
  { digest, spec, isStaged }: NewVersion,
  now: Date,
): FunctionRecord {
  const isLive = !existing || !isStaged;
  const before = existing?.versions ?? [];
  if (existing && isUnchanged(existing, digest, isStaged)) return existing;
  const version: FunctionVersion = {
    number: (before.at(-1)?.number ?? 0) + 1,
    digest,
    spec,
    createdAt: now.toISOString(),
  };
  const { split: _ended, ...kept } = existing ?? {};
  const record = {
    ...(isLive ? kept : existing),
    name: spec.name,
    revision: (existing?.revision ?? 0) + 1,
    live: isLive ? digest : existing.live,
    ...(existing && isLive && existing.live !== digest ? { previous: existing.live } : {}),
    versions: [...before, version],
  };
  return { ...record, versions: pruned(record) };
}

/** A split is being tried: a deploy that ends it changes something. */
function isUnchanged(existing: FunctionRecord, digest: Digest, isStaged: boolean): boolean {
  if (isStaged) return existing.versions.at(-1)?.digest === digest;
  return existing.live === digest && existing.split === undefined;
}

/** The newest, and whatever may still be sent traffic. */
function pruned({ versions, ...record }: FunctionRecord): readonly FunctionVersion[] {
  const { live, previous, split, aliases = {} } = record;
  const digests = [live, previous, split?.version, ...Object.values(aliases)];
  const named = new Set(
    digests.map((digest) => versions.findLast((version) => version.digest === digest)),
  );
  return versions.filter(
    (version, index) => index >= versions.length - versionsKept || named.has(version),
  );
}
