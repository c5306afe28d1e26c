import { createHash } from 'node:crypto';
import { createServer } from 'node:http';

/** A server on $PORT that reads requests as they come. */
const server = createServer((request, response) => void serve(request, response));
server.on('upgrade', (request, socket) => upgrade(request, socket));
server.listen(Number(process.env['PORT']));

/**
 * With `raw` what comes goes back as it is. Else WebSocket (RFC 6455): each message of less than 126
 * bytes, which may be its closing one, goes back; `bye` is answered by closing.
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:stream').Duplex} socket
 */
function upgrade({ headers }, socket) {
  const protocol = headers.upgrade ?? '';
  if (protocol === 'refused')
    return void socket.end('HTTP/1.1 403 no\r\ncontent-length: 0\r\n\r\n');
  const key = headers['sec-websocket-key'] ?? '';
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${protocol}\r\n` +
      `sec-websocket-accept: ${accept.digest('base64')}\r\n\r\n`,
  );
  socket.on('error', () => {});
  if (protocol === 'raw') return void socket.pipe(socket);
  let rest = Buffer.alloc(0);
  socket.on('end', () => socket.end());
  socket.on('data', (/** @type {Buffer} */ chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 6 && rest.length >= 6 + (rest.readUInt8(1) & 0x7f)) {
      const length = rest.readUInt8(1) & 0x7f;
      const mask = rest.subarray(2, 6);
      const payload = rest.subarray(6, 6 + length).map((byte, i) => byte ^ (mask[i % 4] ?? 0));
      const isClosing = payload.toString() === 'bye' || (rest.readUInt8(0) & 0x0f) === 8;
      if (isClosing) return void socket.end(Buffer.from([0x88, 0x02, 0x03, 0xe8]));
      socket.write(Buffer.concat([Buffer.from([0x81, length]), payload]));
      rest = rest.subarray(6 + length);
    }
  });
}

/** @type {(...exchange: Parameters<import('node:http').RequestListener>) => Promise<void>} */
async function serve(request, response) {
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost');
  if (request.method === 'OPTIONS') {
    return void response.writeHead(204, { allow: 'GET, HEAD, OPTIONS' }).end();
  }
  if (pathname === '/text') {
    const headers = { 'content-length': '12', etag: '"1"' };
    return void response.writeHead(200, headers).end('twelve bytes');
  }
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
