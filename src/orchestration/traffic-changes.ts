import type { Traffic } from '../domain/deployer.ts';
import { HostError } from '../domain/errors.ts';
import { namedVersion, type FunctionRecord, type FunctionVersion } from '../domain/function.ts';
import { isName, type Digest } from '../domain/ids.ts';

/** Versions have these names without being given them; a number is the version itself. */
const reserved: ReadonlySet<string> = new Set(['live', 'latest']);

/** @throws HostError `not_found` for a version that is not there, `invalid` for a wrong split. */
export function withTraffic(
  record: FunctionRecord,
  { live, split }: Traffic,
  now: Date,
): FunctionRecord {
  const version = find(record, live);
  const next = withLive(record, version.digest);
  if (!split) return next;
  const other = find(record, split.version);
  if (other.digest === version.digest) {
    throw invalid(`Both parts of the traffic would go to version ${version.number}.`);
  }
  const { canary, ...plain } = split;
  if (!canary) return { ...next, split: { ...plain, version: other.digest } };
  const percents = [split.percent, ...canary.next];
  if (percents.some((percent, index) => percent <= (percents[index - 1] ?? 0))) {
    throw invalid(`The steps of a canary must rise, which ${percents.join(', ')} do not.`);
  }
  const { canaryEnd: _before, ...begun } = next;
  const since = now.toISOString();
  return { ...begun, split: { ...plain, version: other.digest, canary: { ...canary, since } } };
}

/** @throws HostError `conflict` when nothing was live before. */
export function rolledBack(record: FunctionRecord): FunctionRecord {
  const { previous, split, live } = record;
  // A version that is being tried has taken traffic last: that is what a rollback undoes.
  if (split) return withLive(record, live);
  if (previous === undefined) {
    throw new HostError(
      'conflict',
      'functions.nothing_before',
      `"${record.name}" has had no other live version: name one with "hearth traffic".`,
    );
  }
  return withLive(record, previous);
}

/** Without a version the alias goes. @throws HostError `not_found` or `invalid`. */
export function withAlias(
  record: FunctionRecord,
  alias: string,
  version: string | undefined,
): FunctionRecord {
  const { [alias]: existing, ...others } = record.aliases ?? {};
  const revision = record.revision + 1;
  if (version === undefined) {
    if (existing !== undefined) return { ...record, revision, aliases: others };
    throw new HostError(
      'not_found',
      'functions.no_alias',
      `"${record.name}" has no alias "${alias.slice(0, 80)}".`,
    );
  }
  if (!isName(alias) || /^\d+$/.test(alias) || reserved.has(alias)) {
    throw invalid(
      'An alias has 1 to 63 of a-z, 0-9 and "-", is no number, and is not "live" or "latest".',
    );
  }
  return { ...record, revision, aliases: { ...others, [alias]: find(record, version).digest } };
}

function find(record: FunctionRecord, name: string): FunctionVersion {
  const version = namedVersion(record, name);
  if (version) return version;
  throw new HostError(
    'not_found',
    'functions.no_version',
    `"${record.name}" has no version "${name.slice(0, 80)}": see "hearth versions ${record.name}".`,
  );
}

/** All traffic to one version. */
function withLive(record: FunctionRecord, live: Digest): FunctionRecord {
  const { split: _ended, ...kept } = record;
  const previous = live === record.live ? record.previous : record.live;
  const revision = record.revision + 1;
  return { ...kept, revision, live, ...(previous === undefined ? {} : { previous }) };
}

const invalid = (message: string): HostError =>
  new HostError('invalid', 'functions.invalid_traffic', message);
