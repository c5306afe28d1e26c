import type { SandboxId } from '../domain/ids.ts';

/** A sandbox that serves nobody now, as the policies see it. */
export interface IdleSandbox {
  readonly id: SandboxId;
  readonly memoryBytes: number;
  readonly idleSinceMs: number;
  readonly keepWarmMs: number;
}

/** Those whose keep-warm time is over. */
export function expired(idle: Iterable<IdleSandbox>, nowMs: number): SandboxId[] {
  return [...idle]
    .filter(({ idleSinceMs, keepWarmMs }) => nowMs - idleSinceMs >= keepWarmMs)
    .map(({ id }) => id);
}

/**
 * Whom to evict so that `neededBytes` become free: the longest idle first, and no more than needed.
 * Undefined when all of them together would not be enough: then evicting helps nobody.
 */
export function chooseEvictions(
  idle: Iterable<IdleSandbox>,
  neededBytes: number,
): SandboxId[] | undefined {
  const chosen: SandboxId[] = [];
  let freedBytes = 0;
  // POLICY: least recently used. It needs no knowledge of what a start costs.
  for (const sandbox of [...idle].toSorted((a, b) => a.idleSinceMs - b.idleSinceMs)) {
    if (freedBytes >= neededBytes) break;
    chosen.push(sandbox.id);
    freedBytes += sandbox.memoryBytes;
  }
  return freedBytes >= neededBytes ? chosen : undefined;
}
