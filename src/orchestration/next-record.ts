import type { FunctionRecord, FunctionSpec, FunctionVersion } from '../domain/function.ts';
import type { Digest } from '../domain/ids.ts';

/** Versions kept in a record, so that it stays small however often a function is deployed. */
export const versionsKept = 100;

/**
 * The record after deploying an image: the same object when that is the live version already. An
 * image that an older version has gets a new number: numbers tell the history of what served.
 */
export function nextRecord(
  existing: FunctionRecord | undefined,
  digest: Digest,
  spec: FunctionSpec,
  now: Date,
): FunctionRecord {
  if (existing?.live === digest) return existing;
  const before = existing?.versions ?? [];
  const version: FunctionVersion = {
    number: (before.at(-1)?.number ?? 0) + 1,
    digest,
    spec,
    createdAt: now.toISOString(),
  };
  return {
    name: spec.name,
    revision: (existing?.revision ?? 0) + 1,
    live: digest,
    versions: [...before, version].slice(-versionsKept),
  };
}
