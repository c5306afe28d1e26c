import type { DeployedVersion } from '../domain/deployer.ts';
import { liveVersion, type FunctionRecord, type FunctionVersion } from '../domain/function.ts';
import { logLevel } from '../domain/log-level.ts';
import type { LogEntry } from '../domain/log.ts';

/** How functions look in the management API. `baseUrl` is where the caller reached the gateway. */
export function functionSummary(record: FunctionRecord, baseUrl: string) {
  const live = liveVersion(record);
  return {
    name: record.name,
    runtime: live.spec.runtime,
    live: versionSummary(live),
    versions: record.versions.length,
    url: triggerUrl(live, baseUrl),
  };
}

export function functionDetails(record: FunctionRecord, baseUrl: string) {
  return {
    name: record.name,
    revision: record.revision,
    live: record.live,
    versions: record.versions,
    url: triggerUrl(liveVersion(record), baseUrl),
  };
}

export function deployment(
  { record, version, changed, unreadyNodes }: DeployedVersion,
  baseUrl: string,
) {
  const isLive = version.digest === record.live;
  const url = triggerUrl(liveVersion(record), baseUrl);
  const summary = versionSummary(version);
  return { name: record.name, version: summary, changed, isLive, url, unreadyNodes };
}

/** Every version, newest first, and which of them serve. Versions are told by their numbers. */
export function versionsView(record: FunctionRecord) {
  const { name, split, canaryEnd, aliases = {} } = record;
  const numberOf = (digest: string | undefined): number | undefined =>
    record.versions.findLast((version) => version.digest === digest)?.number;
  return {
    name,
    live: numberOf(record.live),
    previous: numberOf(record.previous),
    split: split && { ...split, version: numberOf(split.version) },
    canaryEnd: canaryEnd && { ...canaryEnd, version: numberOf(canaryEnd.version) },
    aliases: Object.fromEntries(
      Object.entries(aliases).map(([alias, digest]) => [alias, numberOf(digest)]),
    ),
    versions: record.versions.map(versionSummary).toReversed(),
  };
}

/** The function is in the path already. */
export const logLine = ({ timeMs, stream, text, invocationId }: LogEntry) => ({
  timeMs,
  stream,
  level: logLevel(text),
  text,
  invocationId,
});

const versionSummary = ({ number, digest, createdAt }: FunctionVersion) => ({
  number,
  digest,
  createdAt,
});

/** Null where no HTTP trigger makes the function reachable. */
const triggerUrl = ({ spec }: FunctionVersion, baseUrl: string): string | null =>
  spec.http ? `${baseUrl}/fn/${spec.name}` : null;
