import { Type, type Static } from 'typebox';
import type { FunctionSpec } from '../../domain/function.ts';
import { formatBytes, parseBytes } from '../../lib/units.ts';
import type { Problems } from './problems.ts';
import { strict } from './strict.ts';

/** Of a function that does not say; also that of stems, which can serve only such functions. */
export const defaultScratchBytes = 64 * 1024 * 1024;

export const scratchSchema = Type.Union(
  [
    Type.String(),
    Type.Object({ size: Type.String(), disk: Type.Optional(Type.Boolean()) }, strict),
  ],
  {
    default: '64Mi',
    description:
      'Size of /tmp, 1Mi to 10Gi: in memory, and counted as such, up to `memory`; larger ones are ' +
      'on disk. `{ size, disk: true }` is on disk whatever its size, 16Mi to 1Ti.',
  },
);

/** In memory it could never be filled past the sandbox's memory: a larger one is for the disk. */
export function readScratch(
  config: Static<typeof scratchSchema> = { size: String(defaultScratchBytes) },
  memoryBytes: number,
  problems: Problems,
): Pick<FunctionSpec, 'scratchBytes' | 'scratchOnDisk'> {
  const { size, disk } = typeof config === 'string' ? { size: config } : config;
  const isLarger = (parseBytes(size) ?? 0) > memoryBytes;
  const onDisk = disk ?? isLarger;
  if (isLarger && !onDisk) {
    problems.add(
      `scratch: "${size}" does not fit into the memory of ${formatBytes(memoryBytes)}; leave out "disk"`,
    );
  }
  const bounds = onDisk ? (['16Mi', '1Ti'] as const) : (['1Mi', '10Gi'] as const);
  const scratchBytes = problems.quantity('scratch', size, parseBytes, bounds);
  return { scratchBytes, ...(onDisk ? { scratchOnDisk: true } : {}) };
}
