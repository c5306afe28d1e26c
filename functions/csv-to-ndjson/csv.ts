/** The records of CSV (RFC 4180), read in pieces of any size. Empty lines are left out. */
export async function* records(pieces: AsyncIterable<string>): AsyncGenerator<readonly string[]> {
  let open = '';
  for await (const line of lines(pieces)) {
    open += line;
    const isInsideQuotes = open.split('"').length % 2 === 0;
    if (isInsideQuotes) {
      open += '\n'; // the field goes on in the next line
    } else {
      if (open !== '') yield fieldsOf(open);
      open = '';
    }
  }
}

async function* lines(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  for await (const piece of pieces) {
    const complete = (rest + piece).split('\n');
    rest = complete.pop() ?? '';
    for (const line of complete) yield line.replace(/\r$/, '');
  }
  if (rest !== '') yield rest;
}

/** A field is quoted, with quotes in it doubled, or has neither quotes nor commas. */
function fieldsOf(record: string): readonly string[] {
  const fields = record.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g);
  return [...fields].map(([, quoted, plain = '']) => quoted?.replaceAll('""', '"') ?? plain);
}
