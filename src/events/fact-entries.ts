import type { Fact, StreamedFact } from '../domain/facts.ts';

/** One entry of the stream holds the facts of a moment, so that a busy worker adds few. */
export type EntryFields = readonly string[];

/** Of one entry, unless a single fact has more. */
const entryLimitBytes = 16 * 1024;

/** As many entries as the limit asks for, so that a stream of so many entries has a limit in bytes. */
export function encodeEntries(
  source: string,
  facts: readonly Fact[],
): readonly { readonly fields: EntryFields; readonly facts: number }[] {
  const pieces: string[][] = [];
  let left = 0;
  for (const fact of facts) {
    const json = JSON.stringify(fact);
    const bytes = Buffer.byteLength(json) + 1;
    if (bytes > left) {
      pieces.push([]);
      left = entryLimitBytes;
    }
    pieces.at(-1)!.push(json);
    left -= bytes;
  }
  return pieces.map((piece) => ({
    fields: ['source', source, 'facts', `[${piece.join(',')}]`],
    facts: piece.length,
  }));
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
