/** What a function could do, run inside a sandbox's namespace: commands on stdin, events on stdout. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { Resolver } from 'node:dns/promises';
import { connect, createServer, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { createInterface } from 'node:readline';

const resolver = new Resolver({ timeout: 5000, tries: 1 });
resolver.setServers(['127.0.0.53']);
const say = (event: string) => process.stdout.write(`${event}\n`);
const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code ?? String(error);

let kept: Socket | undefined;

/** The greeting of a server, or why there is none. Kept open until the next connection. */
function dial(host: string, port: number, localAddress?: string): Promise<string> {
  kept
    ?.removeAllListeners()
    .on('error', () => {})
    .destroy();
  const socket = connect({ host, port, ...(localAddress ? { localAddress } : {}) });
  kept = socket;
  socket.setTimeout(2000, () => socket.destroy(Object.assign(new Error(), { code: 'silence' })));
  return new Promise((resolve) => {
    socket.once('data', (bytes) => {
      resolve(bytes.toString().trim());
      socket.setTimeout(0);
      socket.on('data', (echo) => say(`echo ${echo.toString().trim()}`));
      socket.on('close', () => say('broken'));
    });
    socket.on('error', (error) => resolve(codeOf(error)));
    socket.on('end', () => resolve('ended'));
  });
}

/** Milliseconds that a megabyte takes there, or back. */
async function bulk(direction: string, host: string, port: number): Promise<string> {
  const socket = connect({ host, port });
  await once(socket, 'data'); // the greeting
  const started = performance.now();
  socket.write(direction === 'send' ? Buffer.alloc(1_000_000) : 'give 1000000\n');
  socket.resume();
  await once(socket, 'end');
  socket.destroy();
  return String(Math.round(performance.now() - started));
}

function datagram(host: string, port: number): Promise<string> {
  const socket = createSocket('udp4');
  return new Promise<string>((resolve) => {
    socket.on('message', (bytes) => resolve(bytes.toString()));
    socket.on('error', (error) => resolve(codeOf(error)));
    socket.connect(port, host, () => socket.send('pong'));
  }).finally(() => socket.close());
}

const commands: Record<string, (...args: string[]) => Promise<string>> = {
  dial: (host = '', port = '', from?: string) => dial(host, Number(port), from),
  burst: async (host = '', port = '', count = '') => {
    const sockets = Array.from({ length: Number(count) }, () => connect(Number(port), host));
    const begun = await Promise.all(
      sockets.map(
        (socket) =>
          new Promise<boolean>((resolve) => {
            socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
          }),
      ),
    );
    for (const socket of sockets) socket.destroy();
    return String(begun.filter(Boolean).length);
  },
  bulk: (direction = '', host = '', port = '') => bulk(direction, host, Number(port)),
  datagram: (host = '', port = '') => datagram(host, Number(port)),
  throw: async (host = '', port = '', word = '') => {
    const socket = createSocket('udp4');
    await new Promise((resolve) => socket.send(word, Number(port), host, resolve));
    socket.close();
    return 'thrown';
  },
  resolve4: (name = '') => resolver.resolve4(name).then((found) => found.join(','), codeOf),
  resolve6: (name = '') => resolver.resolve6(name).then((found) => found.join(','), codeOf),
  text: (name = '') => resolver.resolveTxt(name).then((found) => found.join(','), codeOf),
  address: async (family = '') =>
    networkInterfaces()['eth0']?.find((info) => info.family === family)?.address ?? 'none',
  serve: (port = '') =>
    new Promise((resolve) => {
      const server = createServer((socket) => socket.on('error', () => {}).write('hello\n'));
      server.listen(Number(port), '::', () => resolve('serving'));
    }),
  send: async (words = '') => {
    kept?.write(`${words}\n`);
    return 'sent';
  },
};

for await (const line of createInterface(process.stdin)) {
  const [name = '', ...args] = line.split(' ');
  say(`answer ${await commands[name]?.(...args)}`);
}
