import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Logger } from '../../../src/domain/logger.ts';
import { SupervisedProcess } from '../../../src/supervisor/supervised-process.ts';

const never = new AbortController().signal;
const log = vi.fn<(fields: object, message: string) => void>();
const logger: Logger = { debug: log, info: log, warn: log, error: log };
const children: ChildProcess[] = [];
let running: SupervisedProcess | undefined;

afterEach(async () => {
  await running?.stop(AbortSignal.abort());
  vi.resetAllMocks();
  children.length = 0;
});

/** A shell that is ready when it prints something. */
function shell(script: string): SupervisedProcess {
  running = new SupervisedProcess({
    name: 'shell',
    program: '/bin/sh',
    args: ['-c', script],
    whenReady: async (child, signal) => {
      children.push(child);
      await once(child.stdout!, 'data', { signal });
    },
    logger,
  });
  return running;
}

const exited = (child: ChildProcess | undefined) => child?.exitCode ?? child?.signalCode;

describe('a supervised process', () => {
  test('has started when it is ready, and ends politely', async () => {
    const process = shell('trap "exit 7" TERM; echo ready; while :; do sleep 0.01; done');
    await process.start(never);
    expect(exited(children[0])).toBeNull();
    await process.stop(never);
    expect(exited(children[0])).toBe(7);
  });

  test('that ends before it is ready fails the start', async () => {
    await expect(shell('exit 3').start(never)).rejects.toThrow(/shell ended with 3/);
  });

  test('is told to hurry when the grace is over', async () => {
    const process = shell(
      'trap "" TERM; trap "exit 8" INT; echo ready; while :; do sleep 0.01; done',
    );
    await process.start(never);
    await process.stop(AbortSignal.abort());
    expect(exited(children[0])).toBe(8);
  });

  test('is killed when it does not even hurry', async () => {
    const process = shell('trap "" TERM INT; echo ready; while :; do sleep 0.01; done');
    await process.start(never);
    await process.stop(AbortSignal.timeout(50));
    expect(exited(children[0])).toBe('SIGKILL');
  });

  test('is started again when it dies', async () => {
    const process = shell('echo ready; exec sleep 60');
    await process.start(never);
    children[0]?.kill('SIGKILL');
    await vi.waitFor(() => expect(children).toHaveLength(2), { timeout: 5000 });
    await process.stop(never);
    expect(log).toHaveBeenCalledWith({ process: 'shell' }, expect.stringMatching(/died/));
  });

  test('is not started again once it was stopped', async () => {
    const process = shell('echo ready; exec sleep 60');
    await process.start(never);
    await process.stop(never);
    expect(children).toHaveLength(1);
    expect(log).not.toHaveBeenCalled();
  });
});
