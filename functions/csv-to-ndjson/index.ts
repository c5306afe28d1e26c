import { records } from './csv.ts';

/** Turns CSV with a header line into one JSON object a line, sent while the rest is worked on. */
export default {
  fetch(request: Request): Response {
    if (!request.body) return new Response('Send CSV as the body.\n', { status: 400 });
    const text = request.body.pipeThrough(new TextDecoderStream());
    return new Response(ReadableStream.from(jsonLines(text)), {
      headers: { 'content-type': 'application/x-ndjson' },
    });
  },
};

async function* jsonLines(csv: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  let names: readonly string[] | undefined;
  for await (const fields of records(csv)) {
    if (names) {
      const entries = names.map((name, column) => [name, fields[column] ?? '']);
      yield encoder.encode(`${JSON.stringify(Object.fromEntries(entries))}\n`);
    } else {
      names = fields;
    }
  }
}
