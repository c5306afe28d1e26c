import { execFileSync } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, get } from 'node:http';
import { createServer as createTcpServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { NetworkNamespaces } from '../../src/linux/index.ts';

let dir: string;
let pin: string;
let namespaces: NetworkNamespaces;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hearth-netns-'));
  pin = join(dir, 'one');
  namespaces = new NetworkNamespaces();
  await namespaces.start();
  await namespaces.create(pin);
});
afterEach(async () => {
  for (const name of readdirSync(dir)) await namespaces.remove(join(dir, name));
  await namespaces.stop();
  await rm(dir, { recursive: true });
});

const runIn = (namespace: string, ...command: string[]) =>
  execFileSync('nsenter', [`--net=${namespace}`, ...command], { encoding: 'utf8' });

function threadNamespaces(): Set<string> {
  return new Set(
    readdirSync('/proc/self/task').map((tid) => readlinkSync(`/proc/self/task/${tid}/ns/net`)),
  );
}

describe('a network namespace', () => {
  test('has its loopback interface up and nothing else', () => {
    const links = runIn(pin, 'ip', '-o', 'link').trim().split('\n');
    expect(links).toHaveLength(1);
    expect(links[0]).toMatch(/lo: <LOOPBACK,UP/);
    expect(runIn(pin, 'ip', 'route')).toBe('');
  });

  test('is another one each time, and no thread of ours stays in it', async () => {
    const before = threadNamespaces();
    const other = join(dir, 'other');
    await namespaces.create(other);
    const names = [pin, other].map((path) => runIn(path, 'readlink', '/proc/self/ns/net'));
    expect(new Set(names).size).toBe(2);
    expect(threadNamespaces()).toEqual(before);
  });

  test('can be served from outside: the socket listens in there, and only in there', async () => {
    const fd = await namespaces.listenIn(pin, 9001);
    const server = createServer((_, response) => response.end('from the host'));
    server.listen({ fd });
    // A kernel that is busy may not have connected the two when it is asked.
    const inside = new Socket({ fd: await vi.waitFor(() => namespaces.connectIn(pin, 9001)) });
    inside.end('GET / HTTP/1.0\r\n\r\n');
    const answer = (await inside.toArray()).join('');
    expect(answer).toContain('from the host');
    const outside = await new Promise((resolve) => {
      get('http://127.0.0.1:9001/').once('error', resolve);
    });
    expect(outside).toMatchObject({ code: 'ECONNREFUSED' });
    await new Promise((resolve) => server.close(resolve));
  });

  test('that has nobody listening refuses, and a name that exists already fails', async () => {
    await expect(namespaces.connectIn(pin, 9001)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await expect(namespaces.create(pin)).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(namespaces.connectIn(join(dir, 'none'), 1)).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });

  test('is gone when it is removed, and removing it again is harmless', async () => {
    await namespaces.remove(pin);
    await namespaces.remove(pin);
    expect(readdirSync(dir)).toEqual([]);
  });
});

test('sockets that were handed out do not reach child processes', async () => {
  const fd = await namespaces.listenIn(pin, 9001);
  const inherited = execFileSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' });
  expect(inherited).not.toContain(readlinkSync(`/proc/self/fd/${fd}`));
  const server = createTcpServer().listen({ fd });
  await new Promise((resolve) => server.close(resolve));
});

test('requests to a thread that does not run fail instead of waiting', async () => {
  const stopped = new NetworkNamespaces();
  await expect(stopped.create(join(dir, 'x'))).rejects.toMatchObject({
    reason: 'linux.namespace_thread',
  });
});
