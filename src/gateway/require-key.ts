import { HostError } from '../domain/errors.ts';
import type { Authenticator } from '../domain/principal.ts';

/** @throws HostError `unauthenticated` without a key that checks out. */
export function requireKey(authenticator: Authenticator, authorization: string | undefined): void {
  if (authenticator.authenticate(authorization)) return;
  throw new HostError(
    'unauthenticated',
    'gateway.key_required',
    'This needs a key that is valid here: send the header "Authorization: Bearer id:secret".',
  );
}
