import type { Fact } from '../domain/facts.ts';
import { can, everything, type Principal } from '../domain/principal.ts';

/** What concerns a function, to who may read it; the host's own, to who may read it all. */
export function isVisibleTo(principal: Principal, { type, data }: Fact): boolean {
  if (type === 'audit.request') return can(principal, 'admin', everything);
  return can(principal, 'read', 'functionName' in data ? data.functionName : everything);
}
