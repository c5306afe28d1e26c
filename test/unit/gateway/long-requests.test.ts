import { once } from 'node:events';
import { createServer, request, type IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { LongRequests } from '../../../src/gateway/long-requests.ts';

it('lets a long request go on past the limit of the server, and no other', async () => {
  const longRequests = new LongRequests();
  const limits = { requestTimeout: 100, headersTimeout: 50, connectionsCheckingInterval: 20 };
  const server = createServer(limits, (incoming, response) => {
    const read = () => text(incoming);
    const reading = incoming.url === '/long' ? longRequests.during(incoming.socket, read) : read();
    reading.then(
      (body) => response.end(body),
      () => {}, // it was cut, as it should be
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  /** Sends half, waits until the server finds it late, and sends the rest. */
  const send = async (path: string) => {
    const sent = request({ host: '127.0.0.1', port, path, method: 'POST', agent: false });
    const outcome = once(sent, 'response').then(
      async ([response]) => await text(response as IncomingMessage),
      () => 'cut',
    );
    sent.write('one ');
    const [error, socket] = (await once(server, 'clientError')) as [{ code: string }, Socket];
    expect(error.code).toBe('ERR_HTTP_REQUEST_TIMEOUT');
    if (!longRequests.has(socket)) socket.destroy();
    sent.end('two');
    return await outcome;
  };
  try {
    expect(await send('/long')).toBe('one two');
    expect(await send('/short')).toBe('cut');
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
