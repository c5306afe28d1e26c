import type { FunctionSpec, Runtime } from '../../domain/function.ts';

/** Our runtimes by AWS's names for the nearest of theirs. */
const lambdaRuntimes: Readonly<Record<Runtime, string>> = {
  node24: 'nodejs24.x',
  node22: 'nodejs22.x',
  node26: 'nodejs26.x',
  bun1: 'provided.al2023',
  python3: 'python3.13',
};

/** Undefined for an image of the user's own. */
export const lambdaRuntimeOf = (runtime: FunctionSpec['runtime']): string | undefined =>
  runtime === 'image' ? undefined : lambdaRuntimes[runtime];

/** `src/index.ts` is the module of `src/index.handler`. */
export const handlerOf = ({ entry }: FunctionSpec): string =>
  `${entry.replace(/\.[^./]+$/, '')}.handler`;
