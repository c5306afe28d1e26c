import { createServer } from 'node:http';

/** A server on $PORT that reads requests as they come. */
const server = createServer((request, response) => void serve(request, response));
server.listen(Number(process.env['PORT']));

/** @type {(...exchange: Parameters<import('node:http').RequestListener>) => Promise<void>} */
async function serve(request, response) {
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost');
  if (pathname === '/echo') return void request.pipe(response);
  if (pathname === '/refuse') return void response.writeHead(403).end('no, thanks');
  if (pathname === '/give') {
    const piece = Buffer.alloc(64 * 1024, 'x');
    for (let left = Number(searchParams.get('bytes')); left > 0; left -= piece.length) {
      if (!response.write(piece.subarray(0, left))) {
        await new Promise((resolve) => response.once('drain', resolve));
      }
    }
    return void response.end();
  }
  let bytes = 0;
  for await (const piece of request) bytes += piece.length;
  response.end(`${bytes} bytes`);
}
