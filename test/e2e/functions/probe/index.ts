import { execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

const read = (path: string): string => readFileSync(path, 'utf8').trim();

/** What a sandbox can find out about itself. */
function view() {
  const status = Object.fromEntries(
    read('/proc/self/status')
      .split('\n')
      .map((line) => line.split(':\t') as [string, string]),
  );
  const kinds = ['pid', 'mnt', 'net', 'ipc', 'uts', 'cgroup', 'user'];
  return {
    namespaces: Object.fromEntries(
      kinds.map((kind) => [kind, readlinkSync(`/proc/self/ns/${kind}`)]),
    ),
    uid: process.getuid?.(),
    uidMap: read('/proc/self/uid_map').split(/\s+/),
    capabilities: ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map((set) => status[set]),
    noNewPrivs: status['NoNewPrivs'],
    seccomp: status['Seccomp'],
    interfaces: Object.keys(networkInterfaces()),
    processes: readdirSync('/proc').filter((name) => /^\d+$/.test(name)).length,
    mounts: read('/proc/self/mounts')
      .split('\n')
      .map((line) => line.split(' ').slice(1, 4)),
    environment: Object.keys(process.env),
    descriptors: readdirSync('/proc/self/fd').flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/self/fd/${fd}`)];
      } catch {
        return []; // the one that listed them
      }
    }),
  };
}

let served = 0;

/** Tells one sandbox from another. */
const self = randomUUID();

const actions: Record<string, (url: URL) => Response | Promise<Response>> = {
  '/view': () => Response.json(view()),
  '/self': () => new Response(self),
  '/count': () => new Response(String((served += 1))),
  '/env': () => new Response(process.env['GREETING']),
  '/log': (url) => {
    console.log(url.searchParams.get('text'));
    console.error('and an error');
    return new Response('logged');
  },
  '/abort': () => process.abort(),
  '/family': () => {
    for (let i = 0; i < 3; i++)
      spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e9)'], { detached: true });
    return new Promise<Response>(() => {});
  },
  '/last-words': () => {
    console.log('last words');
    for (;;) served += 0;
  },
  '/flood': () => {
    for (let i = 0; i < 3_000; i++) console.log('x'.repeat(1000));
    return new Response('flooded');
  },
  '/throw': () => {
    throw new TypeError('on purpose');
  },
  '/uncaught': () =>
    new Promise<Response>(() => {
      setImmediate(() => {
        throw new Error('nobody caught this');
      });
    }),
  '/exit': () => process.exit(3),
  '/spin': () => {
    for (;;) served += 0;
  },
  '/never': () => new Promise<Response>(() => {}),
  '/eat': () => {
    const eaten: Buffer[] = [];
    for (;;) eaten.push(Buffer.alloc(8 * 1024 * 1024, 1));
  },
  '/write-root': () => {
    writeFileSync('/etc/passwd', 'mine');
    return new Response('written');
  },
  '/write-task': () => {
    writeFileSync('/var/task/index.mjs', 'mine');
    return new Response('written');
  },
  '/write-scratch': () => {
    writeFileSync('/tmp/file', 'x');
    return new Response('written');
  },
  '/spawn': () => new Response(execFileSync(process.execPath, ['-p', '6 * 7'])),
};

export default {
  async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    if (url.pathname === '/echo') {
      return new Response(await request.arrayBuffer(), {
        status: 201,
        headers: {
          'x-method': request.method,
          'x-url': url.pathname + url.search,
          'x-header': request.headers.get('x-header') ?? '',
          'content-type': request.headers.get('content-type') ?? 'none',
        },
      });
    }
    const action = actions[url.pathname];
    return action ? await action(url) : new Response('no such action', { status: 404 });
  },
};
