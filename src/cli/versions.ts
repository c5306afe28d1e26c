import { table, type Output } from './output.ts';

/** What the host says of a function's versions, newest first. */
export interface Versions {
  readonly live: number;
  readonly split?: {
    readonly version: number;
    readonly percent: number;
    readonly stickyBy?: { readonly kind: string; readonly name: string };
    readonly canary?: {
      readonly next: readonly number[];
      readonly everyMs: number;
      readonly since: string;
    };
  };
  readonly canaryEnd?: {
    readonly version?: number;
    readonly result: 'promoted' | 'rolled_back';
    readonly reason: string;
    readonly at: string;
  };
  readonly aliases: Readonly<Record<string, number>>;
  readonly versions: readonly {
    readonly number: number;
    readonly digest: string;
    readonly createdAt: string;
  }[];
}

export const versionsPath = (name: string, what: string): string =>
  `/v1/functions/${encodeURIComponent(name)}/${what}`;

export function printVersions(output: Output, versions: Versions, json = false): void {
  if (json) return output.json(versions);
  const rows = versions.versions.map(({ number, digest, createdAt }) => [
    String(number),
    trafficOf(number, versions),
    aliasesOf(number, versions).join(', '),
    short(createdAt),
    digest.slice(0, 'sha256:'.length + 12),
  ]);
  output.out(table(['version', 'traffic', 'aliases', 'deployed (UTC)', 'image'], rows));
  const canary = canaryOf(versions);
  if (canary !== undefined) output.out(canary);
}

/** What a canary does next, or how the last one ended. */
function canaryOf({ split, canaryEnd }: Versions): string | undefined {
  if (split?.canary) {
    const { next, everyMs, since } = split.canary;
    const then = [...next, 100].map((percent) => `${percent} %`).join(', ');
    const earliest = new Date(Date.parse(since) + everyMs).toISOString();
    return `canary: version ${split.version} has ${split.percent} %; then ${then}, the next not before ${short(earliest)} UTC`;
  }
  if (!canaryEnd) return undefined;
  const { version = 'of before', result, reason, at } = canaryEnd;
  const ended = result === 'promoted' ? 'went live' : 'was rolled back';
  return `canary: version ${version} ${ended} at ${short(at)} UTC: ${reason}`;
}

const short = (time: string): string => time.slice(0, 19).replace('T', ' ');

function trafficOf(number: number, { live, split }: Versions): string {
  const percents: Record<number, number> = { [live]: 100 - (split?.percent ?? 0) };
  if (split) percents[split.version] = split.percent;
  const percent = percents[number];
  if (percent === undefined) return '';
  const { kind, name } = split?.stickyBy ?? {};
  return kind === undefined ? `${percent} %` : `${percent} % by ${kind} ${name}`;
}

function aliasesOf(number: number, { aliases }: Versions): string[] {
  return Object.entries(aliases).flatMap(([alias, named]) => (named === number ? [alias] : []));
}
