import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Tidiness } from '../../src/containers/tidiness.ts';
import type { Container } from '../../src/domain/container-engine.ts';
import { hideUnifiedHierarchy, readCgroupLayout } from '../../src/linux/index.ts';
import { CommandedShell, obeyingScript } from '../support/commanded-shell.ts';
import { openTestEngine, type TestEngine } from '../support/test-engine.ts';
import { withOwnMounts } from '../support/tests-with-own-mounts.ts';

const limits = { memoryBytes: 64 * 1024 * 1024, cpu: 1, pids: 32 };

withOwnMounts('integration', import.meta.url, () => {
  // As in a worker: the OCI runtime's processes are told from the container's by their mounts.
  hideUnifiedHierarchy(readCgroupLayout());
  describe.each(['crun', 'runc'])('between invocations in a container by %s', tests);
});

function tests(runtime: string): void {
  let opened: TestEngine;
  let container: Container;
  let shell: CommandedShell;
  let tidiness: Tidiness;
  beforeAll(async () => {
    opened = await openTestEngine(runtime);
  });
  afterAll(() => opened?.close());
  beforeEach(async () => {
    const script = obeyingScript('$HEARTH_CHANNEL_FD');
    const order = opened.order(script);
    container = await opened.engine.create({ id: randomUUID(), limits, ...order });
    const { channel, stdout, stderr } = container.start();
    stdout.resume();
    stderr.resume();
    channel.on('error', () => {}); // killed while something was on its way
    shell = new CommandedShell(channel, channel);
    await shell.run(':');
    tidiness = new Tidiness(container, ['/tmp', '/dev/shm']);
  });
  afterEach(async () => {
    await container.kill();
    await tidiness?.[Symbol.asyncDispose]();
    await container.delete();
  });

  test('there is nothing to tidy where nothing was left', async () => {
    await shell.run('echo x > /tmp/file; rm /tmp/file');
    expect(tidiness.isTidy).toBe(true);
    expect(await tidiness.tidy()).toBe(true);
    expect(container.state).toBe('paused');
  });

  test.each([
    ['a file', 'echo x > /tmp/file'],
    ['folders and a link out', 'mkdir -p /tmp/a/b; ln -s /usr /tmp/link'],
    ['something in shared memory', 'echo x > /dev/shm/x'],
  ])('%s is removed', async (_, leave) => {
    await shell.run(leave);
    expect(tidiness.isTidy).toBe(false);
    expect(await tidiness.tidy()).toBe(true);
    container.resume();
    expect(await shell.run('ls -A /tmp /dev/shm')).toEqual(['/dev/shm:', '', '/tmp:']);
  });

  test('a process is killed, also one that left its session and ignores signals', async () => {
    await shell.run(`setsid sh -c 'trap "" TERM HUP INT; sleep 600 & wait' > /dev/null 2>&1 &`);
    expect(tidiness.isTidy).toBe(false);
    expect(await tidiness.tidy()).toBe(true);
    container.resume();
    expect(await shell.run('cat /proc/[0-9]*/comm')).not.toContain('sleep');
    expect(tidiness.isTidy).toBe(true);
  });

  test('a process that was adopted stays, and one that comes later is killed', async () => {
    await shell.run('sleep 600 > /dev/null &');
    expect(tidiness.isTidy).toBe(false);
    tidiness.adopt();
    expect(tidiness.isTidy).toBe(true);
    await shell.run('sleep 600 > /dev/null &');
    expect(await tidiness.tidy()).toBe(true);
    container.resume();
    const running = await shell.run('cat /proc/[0-9]*/comm');
    expect(running.filter((name) => name === 'sleep')).toHaveLength(1);
  });

  test('a process that holds a file is killed, then the file is gone', async () => {
    await shell.run('sleep 600 5> /tmp/held > /dev/null &');
    expect(await tidiness.tidy()).toBe(true);
    expect(tidiness.isTidy).toBe(true);
  });

  test('a file that the handler itself holds open cannot be removed', async () => {
    await shell.run('exec 5> /tmp/mine');
    expect(await tidiness.tidy()).toBe(false);
  });
}
