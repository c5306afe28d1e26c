import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FunctionRecord } from '../../../src/domain/function.ts';
import { RecordMirror, type RecordChange } from '../../../src/orchestration/record-mirror.ts';
import { recordOf, specOf } from '../../support/function-records.ts';

type Change = RecordChange<FunctionRecord>;

/** A store's history: which name is written (or removed) by the change of each number. */
const history = fc
  .array(fc.record({ name: fc.constantFrom('a', 'b', 'c'), removes: fc.boolean() }))
  .map((writes) =>
    writes.map(({ name, removes }, index): Change => {
      const sequence = index + 1;
      const record = removes ? undefined : recordOf(specOf(name), sequence);
      return { sequence, name, record };
    }),
  );

function after(changes: readonly Change[]): FunctionRecord[] {
  const records = new Map<string, FunctionRecord>();
  for (const { name, record } of changes) {
    if (record) records.set(name, record);
    else records.delete(name);
  }
  return [...records.values()];
}

const byName = (records: readonly FunctionRecord[]) =>
  records.toSorted((a, b) => a.name.localeCompare(b.name));

describe('RecordMirror', () => {
  it('ends as the store whatever the order, and however often, it hears of changes', () => {
    fc.assert(
      fc.property(
        history.chain((changes) =>
          fc.tuple(
            fc.constant(changes),
            fc.shuffledSubarray([...changes, ...changes], {
              minLength: changes.length * 2,
              maxLength: changes.length * 2,
            }),
          ),
        ),
        ([changes, heard]) => {
          const mirror = new RecordMirror<FunctionRecord>();
          for (const change of heard) mirror.apply(change);
          expect(byName(mirror.list())).toEqual(byName(after(changes)));
        },
      ),
    );
  });

  it('ends as the store whenever its snapshot is taken among the changes it hears of', async () => {
    await fc.assert(
      fc.asyncProperty(history, fc.nat(), fc.nat(), async (changes, taken, arrived) => {
        const at = taken % (changes.length + 1);
        const until = arrived % (changes.length + 1);
        const mirror = new RecordMirror<FunctionRecord>();
        await mirror.load(async () => {
          for (const change of changes.slice(0, until)) mirror.apply(change);
          return { sequence: at, records: after(changes.slice(0, at)) };
        });
        for (const change of changes.slice(until)) mirror.apply(change);
        expect(byName(mirror.list())).toEqual(byName(after(changes)));
      }),
    );
  });

  it('believes a snapshot of a store that was set back', async () => {
    const mirror = new RecordMirror<FunctionRecord>();
    mirror.apply({ sequence: 9, name: 'a', record: recordOf(specOf('a'), 9) });
    await mirror.load(async () => ({ sequence: 1, records: [recordOf(specOf('a'))] }));
    expect(mirror.get('a')?.revision).toBe(1);
    mirror.apply({ sequence: 2, name: 'a', record: recordOf(specOf('a'), 2) });
    expect(mirror.get('a')?.revision).toBe(2);
  });

  it('keeps what it has when the snapshot cannot be read', async () => {
    const mirror = new RecordMirror<FunctionRecord>();
    mirror.apply({ sequence: 1, name: 'a', record: recordOf(specOf('a')) });
    const load = mirror.load(() => Promise.reject(new Error('away')));
    await expect(load).rejects.toThrow('away');
    expect(mirror.list()).toHaveLength(1);
  });
});
