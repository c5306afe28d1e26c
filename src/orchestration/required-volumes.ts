import { HostError } from '../domain/errors.ts';
import type { FunctionSpec } from '../domain/function.ts';
import { missingVolume } from '../domain/volume.ts';

/** @throws HostError `invalid` when the function mounts a volume that nobody has made. */
export function requireVolumes(
  { volumes }: Pick<FunctionSpec, 'volumes'>,
  exists: (name: string) => boolean,
): void {
  const missing = volumes.map(({ name }) => name).filter((name) => !exists(name));
  if (missing.length === 0) return;
  throw new HostError('invalid', 'volume.not_found', missing.map(missingVolume).join(' '), {
    details: { missing },
  });
}
