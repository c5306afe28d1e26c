/** Everything that answers in the fake internet. Says what it sees on stdout, one event a line. */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { decode, encode, TRUNCATED_RESPONSE, type Answer } from 'dns-packet';

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

/** What a sender sends in all. */
const bulkBytes = 1_000_000;

/** Told over TCP only, as they do not fit into a datagram; and an answer that is another each time. */
const longAnswer = [1, 2, 3, 9].map((last) => `203.0.113.${last}`);
const turningAnswers = ['203.0.113.9', '10.9.9.9'];
let turns = 0;

function answersOf(name: string, type: string): readonly Answer[] {
  const addresses = (data: readonly string[], ttl: number): Answer[] =>
    data.map((each) => ({ type: 'A', name, ttl, data: each }));
  if (name === 'long.example.com' && type === 'A') return addresses(longAnswer, 60);
  if (name === 'turning.example.com' && type === 'A') {
    return addresses([turningAnswers[Math.min(turns++, 1)]!], 0);
  }
  return records[`${name}/${type}`] ?? [];
}

function answer(message: Buffer, isTcp: boolean): Buffer | undefined {
  const { id = 0, questions = [] } = decode(message);
  const [question] = questions;
  if (!question) return undefined;
  say(`asked ${question.name} ${question.type}${isTcp ? ' over TCP' : ''}`);
  if (question.name === 'long.example.com' && !isTcp) {
    return encode({ type: 'response', id, flags: TRUNCATED_RESPONSE, questions });
  }
  const answers = [...answersOf(question.name, question.type)];
  const isKnown =
    answers.length > 0 || Object.keys(records).some((key) => key.startsWith(`${question.name}/`));
  return encode({ type: 'response', id, flags: isKnown ? 0 : 3, questions, answers });
}

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

async function serveNames(): Promise<void> {
  const socket = createSocket('udp4');
  socket.on('message', (message, { port, address }) => {
    const bytes = answer(message, false);
    if (bytes) socket.send(bytes, port, address);
  });
  const server = createServer((connection) => {
    connection.on('error', () => {});
    connection.once('data', (message: Buffer) => {
      const bytes = answer(message.subarray(2), true);
      if (!bytes) return connection.destroy();
      const [length, first, rest] = [Buffer.alloc(2), bytes.subarray(0, 5), bytes.subarray(5)];
      length.writeUInt16BE(bytes.length);
      connection.write(Buffer.concat([length, first]));
      return connection.write(rest);
    });
  });
  await Promise.all([
    new Promise<void>((resolve) => socket.bind(53, '203.0.113.53', resolve)),
    new Promise<void>((resolve) => server.listen(53, '203.0.113.53', resolve)),
  ]);
}

function serveDatagrams(port: number): Promise<void> {
  const socket = createSocket('udp4');
  socket.on('message', (message, from) => {
    say(`datagram ${message.toString()}`);
    socket.send(message, from.port, from.address);
  });
  return new Promise((resolve) => socket.bind(port, '203.0.113.9', resolve));
}

/** Greets, takes all that comes, and answers a line "give <bytes>" with so many. */
function serveBulk(port: number): Promise<void> {
  const server = createServer((socket) => {
    let received = 0;
    socket.write('hello\n');
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      received += bytes.length;
      const [, wanted] = /^give (\d+)\n/.exec(bytes.toString('latin1', 0, 32)) ?? [];
      if (wanted !== undefined) socket.end(Buffer.alloc(Number(wanted)));
      else if (received >= bulkBytes) socket.end('got it');
    });
  });
  return new Promise((resolve) => server.listen(port, '::', resolve));
}

await Promise.all([
  ...[80, 443, 8443].map(serve),
  serveBulk(9000),
  serveNames(),
  serveDatagrams(123),
]);
say('ready');
