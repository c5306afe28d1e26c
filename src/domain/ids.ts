/** `sha256:` and 64 lower-case hex digits; of compressed bytes (a blob) unless called a diffID. */
export type Digest = `sha256:${string}`;

/** A UUID, unique for all time; users see it in `x-hearth-invocation-id`. */
export type InvocationId = string;

/** Names one machine of the cluster; stable over restarts. */
export type NodeId = string;

/** What the OCI runtime knows a sandbox's container by. Unique on its node for all time. */
export type SandboxId = string;

/** Of names of functions, volumes, networks and the like, for schemas. */
export const namePattern = '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$';
const nameExpression = new RegExp(namePattern);
const digestPattern = /^sha256:[0-9a-f]{64}$/;

export const isName = (text: string): boolean => nameExpression.test(text);
export const isDigest = (text: string): text is Digest => digestPattern.test(text);
