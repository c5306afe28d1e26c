import type { SecurityProfile } from '../domain/container.ts';

type Rlimits = SecurityProfile['rlimits'];

/**
 * The limits that a container can have: a process without CAP_SYS_RESOURCE may not set one above its
 * own hard limit, and the container would not start. Lower limits are only stricter.
 */
export function clampRlimits(rlimits: Rlimits, hardLimit: (type: string) => number): Rlimits {
  return rlimits.map(({ type, soft, hard }) => {
    const most = hardLimit(type);
    return { type, soft: Math.min(soft, most), hard: Math.min(hard, most) };
  });
}
