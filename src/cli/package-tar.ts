import { pack } from 'tar-stream';

/** Files as an uncompressed tar, in the order given, without times and owners. */
export async function packageTar(files: ReadonlyMap<string, Uint8Array>): Promise<Buffer> {
  const tar = pack();
  for (const [name, content] of files) tar.entry({ name, mtime: new Date(0) }, content);
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar as unknown as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
