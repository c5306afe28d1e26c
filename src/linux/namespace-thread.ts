import { closeSync, openSync, writeFileSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { calls, check } from './libc.ts';
import { bindMount } from './mounts.ts';
import { openNetlink, type NetlinkProtocol } from './netlink.ts';
import {
  datagramSocket,
  datagramSocketAt,
  loopbackUp,
  socketConnected,
  socketConnecting,
  socketListening,
  type RemoteAddress,
  type SocketAddress,
} from './sockets.ts';
import { createVeth, type VethLink } from './veth.ts';

/** What the thread is asked to do; `id` comes back with the answer. */
export type NamespaceRequest = { readonly id: number } & NamespaceTask;

export type NamespaceTask =
  | { readonly task: 'create'; readonly pinPath: string }
  | { readonly task: 'connect'; readonly namespace: string; readonly port: number }
  | {
      readonly task: 'listen' | 'datagramsAt';
      readonly namespace: string;
      readonly address: SocketAddress;
    }
  | { readonly task: 'datagrams'; readonly namespace: Place; readonly family: 4 | 6 }
  | { readonly task: 'dial'; readonly namespace: Place; readonly to: RemoteAddress }
  | { readonly task: 'netlink'; readonly namespace: Place; readonly protocol: NetlinkProtocol }
  | {
      readonly task: 'link';
      readonly router: Place;
      readonly namespace: string;
      readonly link: VethLink;
    };

/** A namespace by a path to it; undefined: the one of this process. */
export type Place = string | undefined;

/** `result` is a file descriptor of this process, or 0. */
export type NamespaceAnswer =
  | { readonly id: number; readonly result: number }
  | { readonly id: number; readonly error: { readonly message: string; readonly code: string } };

const newNetwork = 0x40000000; // CLONE_NEWNET
const ownNamespace = () => `/proc/self/task/${calls.gettid()}/ns/net`;

/**
 * This thread alone ever changes its network namespace: namespaces belong to threads, and one of
 * Node's own pool that was started meanwhile would stay in the wrong one. Everything here is
 * synchronous, so that nothing else happens between a switch and the switch back.
 */
const home = openSync(ownNamespace(), 'r');

function create(pinPath: string): number {
  check(calls.unshare(newNetwork), 'unshare', 'network');
  try {
    loopbackUp();
    writeFileSync(pinPath, '', { flag: 'wx' });
    bindMount(ownNamespace(), pinPath);
    return 0;
  } finally {
    goHome();
  }
}

function inside<T>(namespace: Place, act: (fd: number) => T): T {
  if (namespace === undefined) return act(home);
  const fd = openSync(namespace, 'r');
  try {
    check(calls.setns(fd, newNetwork), 'setns', namespace);
    return act(fd);
  } finally {
    goHome();
    closeSync(fd);
  }
}

function goHome(): void {
  check(calls.setns(home, newNetwork), 'setns', 'home');
}

function perform(request: NamespaceTask): number {
  switch (request.task) {
    case 'create':
      return create(request.pinPath);
    case 'listen':
      return inside(request.namespace, () => socketListening(request.address));
    case 'datagramsAt':
      return inside(request.namespace, () => datagramSocketAt(request.address));
    case 'datagrams':
      return inside(request.namespace, () => datagramSocket(request.family));
    case 'dial':
      return inside(request.namespace, () => socketConnecting(request.to));
    case 'netlink':
      return inside(request.namespace, () => openNetlink(request.protocol));
    case 'link':
      createVeth(request.link, {
        inRouter: (act) => inside(request.router, act),
        inSandbox: (act) => inside(request.namespace, act),
      });
      return 0;
    case 'connect':
      return inside(request.namespace, () => socketConnected(request.port));
  }
}

parentPort?.on('message', (request: NamespaceRequest) => {
  const { id } = request;
  let answer: NamespaceAnswer;
  try {
    answer = { id, result: perform(request) };
  } catch (error) {
    const { message, code = 'UNKNOWN' } = error as NodeJS.ErrnoException;
    answer = { id, error: { message, code } }; // an error object would lose its code on the way
  }
  parentPort?.postMessage(answer);
});
