import type { UsageLimits } from './quota.ts';

/** What a key can allow. `admin` includes all others. */
export const actions = [
  'invoke', // run functions
  'read', // see functions, their settings and logs
  'deploy', // make, change and remove functions
  'registry:pull', // read images
  'registry:push', // write images
  'admin', // all of these, and what concerns the whole host where the pattern is `*`
] as const;
export type Action = (typeof actions)[number];

/** One right: an action on what has a name that fits the pattern, where `*` is any text. */
export interface Scope {
  readonly action: Action;
  readonly pattern: string;
}

/** Who calls, once their key has checked out. */
export interface Principal {
  /** The key's id: its part that is not secret, fit for logs. */
  readonly id: string;
  readonly scopes: readonly Scope[];
  /** Absent: they may ask for as much as they like. */
  readonly limits?: UsageLimits;
}

/** The name of everything: only a scope with the pattern `*` fits it. */
export const everything = '*';

/** May they do this to what has the name (to the whole host: `everything`)? */
export function can({ scopes }: Principal, action: Action, name: string): boolean {
  return scopes.some((scope) => includes(scope, action) && fits(scope.pattern, name));
}

/** May they do this to anything at all? Then it is worth looking at what they ask for. */
export function canSomewhere({ scopes }: Principal, action: Action): boolean {
  return scopes.some((scope) => includes(scope, action));
}

/** Does the name fit the pattern? Its length bounds the work: there is no backtracking over stars. */
export function fits(pattern: string, name: string): boolean {
  const [first = '', ...others] = pattern.split('*');
  const last = others.pop();
  if (last === undefined) return pattern === name;
  if (!name.startsWith(first)) return false;
  let from = first.length;
  for (const piece of others) {
    const at = name.indexOf(piece, from);
    if (at < 0) return false;
    from = at + piece.length;
  }
  return name.length - last.length >= from && name.endsWith(last);
}

const includes = (scope: Scope, action: Action): boolean =>
  scope.action === action || scope.action === 'admin';

/** What AWS Signature Version 4 signs of a request, but for the body. */
export interface SignedHead {
  readonly method: string;
  /** Path and query as received. */
  readonly target: string;
  /** Names in lower case; a repeated header's values joined by `,`. */
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/** A signature that may be right: only the body can tell. */
export interface SignatureClaim {
  /**
   * `bodyDigest`: SHA-256 of the body as received, in hex.
   * @throws HostError `forbidden` unless the signature is right.
   */
  verify(bodyDigest: string): Principal;
}

/** Decides who calls. All of it takes the same time for every wrong secret. */
export interface Authorizer {
  /**
   * `authorization` is the header's value as received (`Bearer id:secret`, or `Basic` with the same
   * in base64), undefined without one. `undefined` means: no key, or one that does not check out,
   * has expired or was removed; these are not told apart. Never throws.
   */
  authenticate(authorization: string | undefined): Principal | undefined;
  /**
   * Undefined where the request is not signed with AWS Signature Version 4.
   * @throws HostError `forbidden` for a signature that no body could make right.
   */
  claim(head: SignedHead): SignatureClaim | undefined;
}
