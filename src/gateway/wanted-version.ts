import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { HostError } from '../domain/errors.ts';
import {
  chosenVersion,
  namedVersion,
  type FunctionRecord,
  type FunctionVersion,
  type TrafficSplit,
} from '../domain/function.ts';
import type { InvocationRoute } from './invocation-route.ts';

/** The version that a request is for. @throws HostError `not_found` for one that is not there. */
export function wantedVersion(
  record: FunctionRecord,
  { qualifier }: InvocationRoute,
  request: IncomingMessage,
): FunctionVersion {
  if (qualifier === undefined) return chosenVersion(record, chanceOf(request, record.split));
  const version = namedVersion(record, qualifier);
  if (version) return version;
  throw new HostError(
    'not_found',
    'gateway.no_version',
    `"${record.name}" has no version "${qualifier.slice(0, 80)}".`,
  );
}

/** The same for all requests that are to stick together, else at random. */
function chanceOf(request: IncomingMessage, split: TrafficSplit | undefined): number {
  const value = split?.stickyBy && stickyValue(request, split.stickyBy);
  if (value === undefined) return Math.random();
  return createHash('sha256').update(value).digest().readUInt32BE() / 2 ** 32;
}

function stickyValue(
  { headers }: IncomingMessage,
  { kind, name }: NonNullable<TrafficSplit['stickyBy']>,
): string | undefined {
  if (kind === 'header') return headers[name.toLowerCase()]?.toString();
  const cookies = (headers.cookie ?? '').split(';').map((cookie) => cookie.trim());
  return cookies.find((cookie) => cookie.startsWith(`${name}=`))?.slice(name.length + 1);
}
