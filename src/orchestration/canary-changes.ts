import type { CanaryMove } from '../domain/deployer.ts';
import type { CanaryEnd, FunctionRecord, TrafficSplit } from '../domain/function.ts';

/** The record after a move of its canary; the same object where there is none. */
export function withCanaryMoved(
  record: FunctionRecord,
  { kind, reason }: CanaryMove,
  now: Date,
): FunctionRecord {
  const { split, ...kept } = record;
  if (!split?.canary) return record;
  const revision = record.revision + 1;
  const at = now.toISOString();
  const [percent, ...next] = split.canary.next;
  if (kind === 'advance' && percent !== undefined) {
    const grown: TrafficSplit = { ...split, percent, canary: { ...split.canary, next, since: at } };
    return { ...kept, revision, split: grown };
  }
  const { version } = split;
  const end = (result: CanaryEnd['result']): CanaryEnd => ({ version, result, reason, at });
  if (kind === 'roll_back') return { ...kept, revision, canaryEnd: end('rolled_back') };
  const { live: previous } = record;
  return { ...kept, revision, live: version, previous, canaryEnd: end('promoted') };
}
