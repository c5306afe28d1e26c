import type { Runtime } from '../domain/function.ts';

/** What a runtime's base image is called in the index. */
export function baseImageName(runtime: Runtime): string {
  return `hearth/${runtime}`;
}
