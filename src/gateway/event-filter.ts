import type { Fact } from '../domain/facts.ts';
import { can, everything, type Principal } from '../domain/principal.ts';

/** Which facts a reader of the stream wants. */
export interface EventFilter {
  /** Types such as `function.deployed`, or all of a kind with `sandbox.*`; all when empty. */
  readonly types: readonly string[];
  readonly functionName: string | undefined;
}

/** Facts that concern no function pass no filter that names one. */
export function passes({ types, functionName }: EventFilter, { type, data }: Fact): boolean {
  if (types.length > 0 && !types.some((pattern) => fits(pattern, type))) return false;
  return (
    functionName === undefined || ('functionName' in data && data.functionName === functionName)
  );
}

/** What concerns a function, to who may read it; the host's own, to who may read it all. */
export function isVisibleTo(principal: Principal, { type, data }: Fact): boolean {
  if (type === 'audit.request') return can(principal, 'admin', everything);
  return can(principal, 'read', 'functionName' in data ? data.functionName : everything);
}

function fits(pattern: string, type: string): boolean {
  return pattern.endsWith('.*') ? type.startsWith(pattern.slice(0, -1)) : type === pattern;
}
