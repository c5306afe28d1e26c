import { closeSync, openSync, writeFileSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { calls, check } from './libc.ts';
import { loopbackUp, socketConnected, socketListening } from './sockets.ts';
import { bindMount } from './mounts.ts';

/** What the thread is asked to do; `id` comes back with the answer. */
export type NamespaceRequest = { readonly id: number } & NamespaceTask;

export type NamespaceTask =
  | { readonly task: 'create'; readonly pinPath: string }
  | { readonly task: 'listen' | 'connect'; readonly namespace: string; readonly port: number };

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

function inside(namespace: string, makeSocket: () => number): number {
  const fd = openSync(namespace, 'r');
  try {
    check(calls.setns(fd, newNetwork), 'setns', namespace);
    return makeSocket();
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
      return inside(request.namespace, () => socketListening(request.port));
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
