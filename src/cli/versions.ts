import { table, type Output } from './output.ts';

/** What the host says of a function's versions, newest first. */
export interface Versions {
  readonly live: number;
  readonly split?: {
    readonly version: number;
    readonly percent: number;
    readonly stickyBy?: { readonly kind: string; readonly name: string };
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
    createdAt.slice(0, 19).replace('T', ' '),
    digest.slice(0, 'sha256:'.length + 12),
  ]);
  output.out(table(['version', 'traffic', 'aliases', 'deployed (UTC)', 'image'], rows));
}

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
