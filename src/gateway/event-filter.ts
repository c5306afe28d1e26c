import type { Fact } from '../domain/facts.ts';

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

function fits(pattern: string, type: string): boolean {
  return pattern.endsWith('.*') ? type.startsWith(pattern.slice(0, -1)) : type === pattern;
}
