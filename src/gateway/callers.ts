import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { HostError } from '../domain/errors.ts';
import {
  can,
  everything,
  type Action,
  type Authorizer,
  type Principal,
  type SignatureClaim,
  type SignedHead,
} from '../domain/principal.ts';

/** Who calls; for a signed request known only once the body is. */
export type Caller = Principal | SignatureClaim;

/**
 * Whoever a request's key says is calling.
 * @throws HostError `unauthenticated` without a key that checks out; `forbidden` for a signature
 *   that cannot be right.
 */
export function identify(authorizer: Authorizer, request: IncomingMessage): Caller {
  const { authorization } = request.headers;
  const caller = authorizer.authenticate(authorization) ?? authorizer.claim(signedHead(request));
  if (caller) return caller;
  throw new HostError(
    'unauthenticated',
    'gateway.key_required',
    'This needs a key that is valid here: send the header "Authorization: Bearer id:secret".',
  );
}

export const isPrincipal = (caller: Caller): caller is Principal => !('verify' in caller);

/** The caller, whose signature, if there is one, covers this body. @throws HostError `forbidden`. */
export function verified(caller: Caller, body: Uint8Array): Principal {
  return isPrincipal(caller)
    ? caller
    : caller.verify(createHash('sha256').update(body).digest('hex'));
}

/** @throws HostError `forbidden` for a key that does not allow it. */
export function requireRight(principal: Principal, action: Action, name: string): void {
  if (!can(principal, action, name)) throw noRight(principal, action, name);
}

export function noRight({ id }: Principal, action: Action, name: string): HostError {
  const what = name === everything ? 'the whole host' : `"${name.slice(0, 80)}"`;
  return new HostError(
    'forbidden',
    'gateway.forbidden',
    `The key "${id}" does not have the right ${action} for ${what}.`,
  );
}

function signedHead({ method = '', url = '', headers }: IncomingMessage): SignedHead {
  const flat = Object.entries(headers).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.join(',') : value,
  ]);
  return { method, target: url, headers: Object.fromEntries(flat) };
}
