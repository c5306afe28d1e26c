import { randomUUID } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Container, ContainerLimits } from '../../src/domain/container-engine.ts';
import { openTestEngine, type TestEngine } from '../support/test-engine.ts';

const mib = 1024 * 1024;
const limits = { memoryBytes: 64 * mib, cpu: 1, pids: 32 };

/** With the profile and the mounts that every sandbox has. */
describe.each(['crun', 'runc'])('a container made by %s', (runtime) => {
  let opened: TestEngine;
  beforeAll(async () => {
    opened = await openTestEngine(runtime);
  });
  afterAll(() => opened?.close());

  async function inside<T>(
    script: string,
    look: (container: Container, output: Promise<string>) => Promise<T>,
    own: Partial<ContainerLimits> = {},
  ): Promise<T> {
    const container = await opened.engine.create({
      id: randomUUID(),
      limits: { ...limits, ...own },
      ...opened.order(script),
    });
    const { stdout, stderr } = container.start();
    stderr.resume();
    try {
      return await look(container, text(stdout));
    } finally {
      await container.kill();
      await container.delete();
    }
  }

  /** What a script prints until its end. */
  const printed = (script: string) => inside(script, async (_, output) => (await output).trim());

  test('has its memory and no more', async () => {
    const eat = (container: Container) => container.ended;
    const end = await inside('tail /dev/zero', eat, { memoryBytes: 16 * mib });
    expect(end).toEqual({ signal: 'SIGKILL', outOfMemory: true });
  });

  test('pays with its memory for what it writes to its scratch volume', async () => {
    const fill = 'dd if=/dev/zero of=/tmp/x bs=64k count=160';
    const end = await inside(fill, (container) => container.ended, { memoryBytes: 8 * mib });
    expect(end.outOfMemory).toBe(true);
  });

  test('has its share of a processor and no more', async () => {
    await inside(
      'while :; do :; done',
      async (container) => {
        const started = performance.now();
        const before = container.stats().cpuUsec;
        await vi.waitFor(
          () => expect(container.stats().throttledUsec).toBeGreaterThan(300_000),
          20_000,
        );
        const usedMs = (container.stats().cpuUsec - before) / 1000;
        const periodMs = 100; // a quarter of each, and of the two that are cut off at the ends
        const mostMs = (performance.now() - started + 2 * periodMs) / 4;
        expect(usedMs).toBeLessThanOrEqual(mostMs + periodMs / 4);
      },
      { cpu: 0.25 },
    );
  });

  test('has so many processes and no more', async () => {
    const script = 'for i in $(seq 100); do sleep 600 & echo $i; done';
    const lines = (await printed(script)).split('\n');
    expect(lines.length).toBeGreaterThan(limits.pids / 2);
    expect(lines.length).toBeLessThan(limits.pids);
  });

  test('cannot raise the limit of its open files', async () => {
    expect(await printed('ulimit -n; ulimit -Hn; ulimit -n 4096 || echo refused')).toBe(
      '1024\n1024\nrefused',
    );
  });

  test('can write so many bytes and no more', async () => {
    const bytes = await printed('dd if=/dev/zero of=/tmp/x bs=64k; stat -c %s /tmp/x');
    expect(Number(bytes)).toBe(16 * mib);
  });

  test('can make so many files and no more', async () => {
    const script = 'i=0; while : > /tmp/$i; do i=$((i+1)); done; echo $i';
    const files = await printed(`(${script}); ls /tmp | wc -l`);
    expect(Number(files)).toBe(4096 - 1); // the folder itself is one
  });

  test('has nowhere else to write', async () => {
    const places = '/x /usr/x /proc/x /dev/full-of-files/x /etc/x';
    expect(await printed(`for f in ${places}; do (: > $f) && echo $f; done`)).toBe('');
  });
});
