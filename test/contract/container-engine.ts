import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type {
  Container,
  ContainerEngine,
  ContainerOrder,
} from '../../src/domain/container-engine.ts';

/** What the suite lets run in containers. */
export type Program =
  | 'sleep' // until it is killed
  | 'exit 3'
  | 'say hello' // on stdout
  | 'echo' // what comes over the channel goes back over it
  | 'eat memory';

export interface ContainerEngineFixture {
  readonly engine: ContainerEngine;
  /** The same machine as a later process sees it, for which all there is was left behind. */
  nextProcess(): ContainerEngine;
  order(program: Program): Omit<ContainerOrder, 'id' | 'limits'>;
  close(): Promise<void>;
}

const mib = 1024 * 1024;
const limits = { memoryBytes: 32 * mib, cpu: 1, pids: 128 };
const conflict = expect.objectContaining({ code: 'conflict' });

/** What every ContainerEngine promises (src/domain/container-engine.ts). */
export function containerEngineContract(
  name: string,
  open: () => Promise<ContainerEngineFixture>,
): void {
  describe(`${name} as a ContainerEngine`, () => {
    let fixture: ContainerEngineFixture;
    let engine: ContainerEngine;
    let made: Container[];

    beforeEach(async () => {
      fixture = await open();
      ({ engine } = fixture);
      made = [];
    });
    afterEach(async () => {
      for (const container of made) {
        await container.kill();
        await container.delete();
      }
      expect(engine.list()).toEqual([]);
      await fixture.close();
    });

    async function create(program: Program): Promise<Container> {
      const container = await engine.create({
        id: randomUUID(),
        limits,
        ...fixture.order(program),
      });
      made.push(container);
      return container;
    }

    async function started(program: Program) {
      const container = await create(program);
      const { channel, stdout, stderr } = container.start();
      stdout.resume();
      stderr.resume();
      channel.on('error', () => {}); // killed while something was on its way
      return { container, channel };
    }

    /** Running for good, not just begun. */
    async function echoing() {
      const { container, channel } = await started('echo');
      await answered(channel, 'ready');
      return { container, channel };
    }

    it('creates a container in which nothing runs yet', async () => {
      const container = await create('sleep');
      expect(container.inspect()).toMatchObject({
        id: container.id,
        state: 'created',
        limits,
        processIds: [],
      });
      expect(container.stats().pids).toBe(0);
      expect(engine.list()).toEqual([container.id]);
    });

    it('refuses an id that is in use, and does not touch who has it', async () => {
      const { container } = await echoing();
      const again = { id: container.id, limits, ...fixture.order('sleep') };
      await expect(engine.create(again)).rejects.toThrow();
      expect(container.inspect().state).toBe('running');
      expect(engine.list()).toEqual([container.id]);
    });

    it('starts it, and tells how it ended', async () => {
      const { container } = await started('exit 3');
      expect(await container.ended).toEqual({ exitCode: 3, outOfMemory: false });
      expect(container.inspect()).toMatchObject({ state: 'stopped', end: { exitCode: 3 } });
      expect(container.inspect().processIds).toEqual([]);
    });

    it('connects its output and its channel', async () => {
      const container = await create('say hello');
      const { stdout, stderr } = container.start();
      stderr.resume();
      expect((await stdout.toArray()).join('')).toBe('hello\n');
      const { channel } = await started('echo');
      await answered(channel, 'there and back');
    });

    it('kills all of it, also twice at once', async () => {
      const { container } = await echoing();
      expect(container.inspect().processIds.length).toBeGreaterThan(0);
      await Promise.all([container.kill(), container.kill()]);
      expect(container.inspect()).toMatchObject({ state: 'stopped', processIds: [] });
      expect(await container.ended).toEqual({ signal: 'SIGKILL', outOfMemory: false });
      await container.kill();
    });

    it('kills one that has only just been started', async () => {
      const { container } = await started('sleep');
      await container.kill();
      expect(container.inspect()).toMatchObject({ state: 'stopped', processIds: [] });
    });

    it('kills one that was never started, and then it cannot be', async () => {
      const container = await create('sleep');
      await container.kill();
      expect(await container.ended).toMatchObject({ signal: 'SIGKILL' });
      expect(() => container.start()).toThrow(conflict);
    });

    it('says when it was want of memory', async () => {
      const { container } = await started('eat memory');
      expect(await container.ended).toMatchObject({ outOfMemory: true });
      expect(container.stats()).toMatchObject({ oomKills: 1 });
      const { memoryPeakBytes } = container.stats();
      expect(memoryPeakBytes).toBeLessThan(1.01 * limits.memoryBytes); // who is killed gets a page or so
    });

    it('pauses and resumes it; what changes nothing is harmless', async () => {
      const { container, channel } = await echoing();
      const { channel: other } = await echoing();
      container.resume();
      container.pause();
      container.pause();
      expect(container.inspect().state).toBe('paused');
      await expect.poll(() => container.isPaused()).toBe(true);
      const silence = vi.fn<() => void>();
      channel.on('data', silence);
      channel.write('while paused');
      await answered(other, 'meanwhile');
      expect(silence).not.toHaveBeenCalled();
      container.resume();
      await vi.waitFor(() => expect(silence).toHaveBeenCalled(), 20_000);
      expect(container.inspect().state).toBe('running');
    });

    it('kills what is paused', async () => {
      const { container } = await echoing();
      container.pause();
      await container.kill();
      expect(container.inspect()).toMatchObject({ state: 'stopped', processIds: [] });
    });

    it('counts what it uses', async () => {
      const { container } = await echoing();
      const { cpuUsec, memoryBytes, memoryPeakBytes, pids, oomKills } = container.stats();
      expect(cpuUsec).toBeGreaterThan(0);
      expect(container.cpuUsec()).toBeGreaterThanOrEqual(cpuUsec);
      expect(memoryBytes).toBeGreaterThan(0);
      expect(memoryPeakBytes).toBeGreaterThanOrEqual(memoryBytes);
      expect(pids).toBeGreaterThan(0);
      expect(oomKills).toBe(0);
    });

    it('changes the limits of one that runs, and of none that has stopped', async () => {
      const { container } = await echoing();
      const wider = { memoryBytes: 64 * mib, cpu: 2, pids: 192 };
      container.update(wider);
      expect(container.inspect().limits).toEqual(wider);
      container.update(limits);
      await container.kill();
      expect(() => container.update(wider)).toThrow(conflict);
      expect(container.inspect().limits).toEqual(limits);
    });

    it('deletes what has stopped, or has never been started; then nothing is left', async () => {
      const { container } = await started('exit 3');
      await container.ended;
      await Promise.all([container.delete(), container.delete()]);
      expect(container.inspect()).toMatchObject({ state: 'deleted', processIds: [] });
      expect(container.stats()).toEqual({
        cpuUsec: 0,
        throttledUsec: 0,
        memoryBytes: 0,
        memoryReclaimableBytes: 0,
        memoryPeakBytes: 0,
        pids: 0,
        oomKills: 0,
      });
      expect(container.cpuUsec()).toBe(0);
      await (await create('sleep')).delete();
      expect(engine.list()).toEqual([]);
    });

    it.each<[string, (container: Container) => void]>([
      ['a second start', (container) => void container.start()],
      ['to delete what runs', (container) => void container.delete()],
    ])('refuses %s', async (_, change) => {
      const { container } = await echoing();
      expect(() => change(container)).toThrow(conflict);
      expect(container.inspect().state).toBe('running');
    });

    it.each<[string, (container: Container) => void]>([
      ['pause', (container) => container.pause()],
      ['resume', (container) => container.resume()],
    ])('refuses to %s what does not run', async (_, change) => {
      const container = await create('sleep');
      expect(() => change(container)).toThrow(conflict);
      await container.kill();
      expect(() => change(container)).toThrow(conflict);
    });

    it('finds and removes what an earlier process left, whatever state it is in', async () => {
      const created = await create('sleep');
      const { container: running } = await echoing();
      const { container: paused } = await echoing();
      paused.pause();
      const next = fixture.nextProcess();
      const ids = [created.id, running.id, paused.id];
      expect(next.list().toSorted()).toEqual(ids.toSorted());
      expect(await next.remove(created.id)).toBe(0);
      expect(await next.remove(running.id)).toBeGreaterThan(0);
      expect(await next.remove(paused.id)).toBeGreaterThan(0);
      expect(next.list()).toEqual([]);
      expect(await next.remove(running.id)).toBe(0);
      expect(await running.ended).toMatchObject({ signal: 'SIGKILL' });
    });
  });
}

/** Says it, and waits until it comes back. */
async function answered(
  channel: ReturnType<Container['start']>['channel'],
  text: string,
): Promise<void> {
  let heard = '';
  const listen = (chunk: Buffer) => (heard += chunk.toString());
  channel.on('data', listen);
  channel.write(`${text}\n`);
  await vi.waitFor(() => expect(heard).toContain(text), 20_000);
  channel.off('data', listen);
}
