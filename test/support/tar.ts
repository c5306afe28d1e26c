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
