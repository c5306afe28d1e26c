import { HostError } from './errors.ts';

/** `sha256:` and 64 lower-case hex digits; of compressed bytes (a blob) unless called a diffID. */
export type Digest = `sha256:${string}`;

/** A UUID, unique for all time; users see it in `x-hearth-invocation-id`. */
export type InvocationId = string;

/** Names one machine of the cluster; stable over restarts. */
export type NodeId = string;

/** What the OCI runtime knows a sandbox's container by. Unique on its node for all time. */
export type SandboxId = string;

const namePattern = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const digestPattern = /^sha256:[0-9a-f]{64}$/;
const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export const isName = (text: string): boolean => namePattern.test(text);
export const isDigest = (text: string): text is Digest => digestPattern.test(text);
export const isInvocationId = (text: string): text is InvocationId => uuidPattern.test(text);

/** Parses a function's name at the edge. @throws HostError `invalid` that states the rule. */
export function parseName(text: string): string {
  if (isName(text)) return text;
  throw new HostError(
    'invalid',
    'name.invalid',
    `"${text.slice(0, 80)}" is not a valid name: use 1 to 63 of a-z, 0-9 and "-", not "-" at either end.`,
  );
}

/** Parses a digest at the edge. @throws HostError `invalid`. */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new HostError(
    'invalid',
    'digest.invalid',
    `"${text.slice(0, 80)}" is not a digest: expected sha256: and 64 hex digits.`,
  );
}
