import type { Fact, StreamedFact } from '../domain/facts.ts';

/** One entry of the stream holds the facts of a moment, so that a busy worker adds few. */
export type EntryFields = readonly string[];

export function encodeEntry(source: string, facts: readonly Fact[]): EntryFields {
  return ['source', source, 'facts', JSON.stringify(facts)];
}

/** An entry as Redis gives it. What another version of Hearth wrote and we cannot read is skipped. */
export function decodeEntry(entryId: string, fields: EntryFields): readonly StreamedFact[] {
  const [, source = '', , json = ''] = fields;
  try {
    const facts = JSON.parse(json) as readonly Fact[];
    return facts.map((fact, index) => ({ id: `${entryId}.${index}`, source, fact }));
  } catch {
    return [];
  }
}

/** The id of the entry that holds a fact; undefined for what is no id. */
export function entryOf(factId: string): string | undefined {
  return /^(\d{1,16}-\d{1,16})\.\d+$/.exec(factId)?.[1];
}

/** Is the first of two facts' ids the later one? */
export function isAfter(id: string, other: string): boolean {
  const a = id.split(/[-.]/).map(Number);
  const b = other.split(/[-.]/).map(Number);
  for (const [i, part] of a.entries()) {
    if (part !== b[i]) return part > (b[i] ?? -1);
  }
  return false;
}
