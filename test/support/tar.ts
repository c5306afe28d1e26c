import { pack, type Header } from 'tar-stream';

export type TarItem = Partial<Header> & {
  readonly name: string;
  readonly content?: string | Buffer;
};

/** A tar with exactly these entries, in this order, as honest or hostile as they are. */
export async function makeTar(items: readonly TarItem[]): Promise<Buffer> {
  const tar = pack();
  for (const { content = '', ...header } of items) tar.entry(header, content);
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar as unknown as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The content of a PAX header; makeTar writes one by itself for `pax`, whose values are text. */
export function paxHeader(
  records: Iterable<readonly [key: string, value: string | Buffer]>,
): Buffer {
  return Buffer.concat(
    Array.from(records, ([key, value]) => {
      const record = Buffer.concat([
        Buffer.from(` ${key}=`),
        Buffer.from(value),
        Buffer.from('\n'),
      ]);
      let length = record.length + 1;
      while (`${length}`.length + record.length !== length) length++;
      return Buffer.concat([Buffer.from(`${length}`), record]);
    }),
  );
}
