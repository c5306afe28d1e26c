interface Document {
  readonly text: string;
  readonly top?: number;
}

type Callback = (error: Error | null, result?: unknown) => void;

/** Counts the words of an event's text. Answers by callback, as older handlers for AWS Lambda do. */
export function handler({ text, top = 3 }: Document, _context: unknown, callback: Callback): void {
  if (typeof text !== 'string') return callback(new TypeError('The event needs a "text".'));
  const counts = new Map<string, number>();
  for (const [word] of text.toLowerCase().matchAll(/[\p{L}\p{N}']+/gu)) {
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  console.log(`${counts.size} distinct words`);
  const most = [...counts].toSorted(([, a], [, b]) => b - a).slice(0, top);
  callback(null, { distinct: counts.size, most: Object.fromEntries(most) });
}
