/** Everything that answers in the fake internet. Says what it sees on stdout, one event a line. */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { decode, encode, type Answer } from 'dns-packet';

const records: Readonly<Record<string, readonly Answer[]>> = {
  'api.example.com/A': [{ type: 'A', name: 'api.example.com', ttl: 60, data: '203.0.113.9' }],
  'api.example.com/AAAA': [{ type: 'AAAA', name: 'api.example.com', ttl: 60, data: '2001:db8::9' }],
  'alias.example.com/A': [
    { type: 'CNAME', name: 'alias.example.com', ttl: 60, data: 'api.example.com' },
    { type: 'A', name: 'api.example.com', ttl: 60, data: '203.0.113.9' },
  ],
  'rebind.example.com/A': ['169.254.169.254', '10.9.9.9', '203.0.113.9'].map((data) => ({
    type: 'A',
    name: 'rebind.example.com',
    ttl: 60,
    data,
  })),
};

const say = (event: string) => process.stdout.write(`${event}\n`);

/** Greets, echoes, and tells when a connection has ended. */
function serve(port: number): Promise<void> {
  const server = createServer((socket) => {
    socket.write(`hello ${socket.remoteAddress?.replace('::ffff:', '')}\n`);
    socket.on('data', (bytes) => socket.write(bytes));
    socket.on('error', () => {});
    socket.on('close', (hadError) => say(`closed ${port} ${hadError ? 'by a reset' : 'well'}`));
  });
  return new Promise((resolve) => server.listen(port, '::', resolve));
}

function serveNames(): Promise<void> {
  const socket = createSocket('udp4');
  socket.on('message', (message, { port, address }) => {
    const { id = 0, questions = [] } = decode(message);
    const [question] = questions;
    if (!question) return;
    say(`asked ${question.name} ${question.type}`);
    const isKnown = Object.keys(records).some((key) => key.startsWith(`${question.name}/`));
    const answers = [...(records[`${question.name}/${question.type}`] ?? [])];
    const flags = isKnown ? 0 : 3;
    socket.send(encode({ type: 'response', id, flags, questions, answers }), port, address);
  });
  return new Promise((resolve) => socket.bind(53, '203.0.113.53', resolve));
}

function serveDatagrams(port: number): Promise<void> {
  const socket = createSocket('udp4');
  socket.on('message', (message, from) => socket.send(message, from.port, from.address));
  return new Promise((resolve) => socket.bind(port, '203.0.113.9', resolve));
}

await Promise.all([...[80, 443, 8443].map(serve), serveNames(), serveDatagrams(123)]);
say('ready');
