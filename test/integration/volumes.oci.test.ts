import { randomUUID } from 'node:crypto';
import { access, mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ContainerMount } from '../../src/domain/container.ts';
import type { Container } from '../../src/domain/container-engine.ts';
import type { VolumeRecord } from '../../src/domain/volume.ts';
import { loopDevices, ScratchVolume } from '../../src/linux/index.ts';
import { LocalDriver } from '../../src/volumes/local-driver.ts';
import { mountPlan } from '../../src/volumes/mount-plan.ts';
import { MountedVolumes } from '../../src/volumes/mounted-volumes.ts';
import { SandboxVolumeLender } from '../../src/volumes/sandbox-volumes.ts';
import { ScratchImages } from '../../src/volumes/scratch-images.ts';
import { silentLogger } from '../support/silent-logger.ts';
import { openTestEngine, type TestEngine } from '../support/test-engine.ts';
import { withOwnMounts } from '../support/tests-with-own-mounts.ts';

const MiB = 1024 ** 2;
const limits = { memoryBytes: 64 * MiB, cpu: 1, pids: 32 };
const soon = { timeout: 20_000, interval: 20 };
const record: VolumeRecord = {
  name: 'data',
  revision: 1,
  driver: 'local',
  sizeBytes: 16 * MiB,
  noexec: false,
  node: undefined,
  createdAt: '2026-01-01T00:00:00Z',
};
const lease = {
  epoch: 1,
  wanted: new AbortController().signal,
  lost: new AbortController().signal,
  [Symbol.asyncDispose]: async () => {},
};

withOwnMounts('integration', import.meta.url, () => {
  describe.each(['crun', 'runc'])('volumes in a container made by %s', (runtime) => {
    let dir: string;
    let opened: TestEngine;
    let driver: LocalDriver;
    let mounted: MountedVolumes;
    let lender: SandboxVolumeLender;
    let scratch: ScratchImages;

    beforeAll(async () => {
      dir = await mkdtemp(join(tmpdir(), 'hearth-volumes-'));
      opened = await openTestEngine(runtime);
      await mkdir(join(opened.order('').rootDir, 'data'));
      const mountsDir = join(dir, 'mounts');
      const views = join(dir, 'views');
      await mkdir(views);
      driver = new LocalDriver({ dir: join(dir, 'volumes'), mountsDir, uid: 1000 });
      await driver.removeLeftovers();
      await driver.create(record);
      mounted = new MountedVolumes(() => driver);
      lender = new SandboxVolumeLender({
        records: { get: () => record },
        leases: { acquire: async () => lease },
        mounted,
        dir: views,
        uid: 1000,
        logger: silentLogger,
      });
      const scratchMounts = join(dir, 'scratch-mounts');
      scratch = new ScratchImages({ dir: join(dir, 'scratch'), mountsDir: scratchMounts });
      await scratch.removeLeftovers();
    });
    afterAll(async () => {
      await opened?.close();
      await rm(dir, { recursive: true });
    });

    /** Runs a shell as `uid` while `look` does. */
    async function inside<T>(
      script: string,
      mounts: readonly ContainerMount[],
      uid: number,
      look: (container: Container, output: Promise<string>) => Promise<T>,
    ): Promise<T> {
      const order = opened.order(script);
      const container = await opened.engine.create({
        ...order,
        id: randomUUID(),
        limits,
        mounts: [...order.mounts.filter(({ destination }) => destination !== '/tmp'), ...mounts],
        profile: { ...order.profile, uid, gid: uid },
      });
      const { stdout, stderr } = container.start();
      try {
        const said = Promise.all([text(stdout), text(stderr)]).then((all) => all.join('').trim());
        return await look(container, said);
      } finally {
        await container.kill();
        await container.delete();
      }
    }

    const printed = async (_: Container, output: Promise<string>) => await output;

    async function withData(script: string, uid: number, readOnly = false): Promise<string> {
      const mount = { name: 'data', mount: '/data', readOnly, access: 'shared' as const };
      const user = { id: randomUUID(), ids: opened.order('').ids, uid, gid: uid };
      await using lent = await lender.lend([mount], user, AbortSignal.timeout(10_000));
      const tmp = mountPlan(MiB).filter(({ destination }) => destination === '/tmp');
      return await inside(script, [...tmp, ...lent.mounts], uid, printed);
    }

    test.each([1000, 0, 33, 65_534])(
      'are the function’s, also where it runs as %i',
      async (uid) => {
        const write = `echo ${uid} >> /data/all && echo ${uid} > /data/by-${uid} && stat -c "%u %g" /data/all`;
        expect(await withData(write, uid)).toBe(`${uid} ${uid}`);
        await using there = await mounted.use(record);
        expect(await stat(join(there.root, `by-${uid}`))).toMatchObject({ uid: 1000, gid: 1000 });
      },
    );

    test('keep what was written, in the view of whoever looks', async () => {
      expect(await withData('wc -l < /data/all; stat -c %u /data/by-33', 7)).toBe('4\n7');
    });

    test('are not written to where they are read-only', async () => {
      expect(await withData('echo x > /data/all', 1000, true)).toContain('Read-only file system');
    });

    describe('a scratch volume on disk', () => {
      const make = () => scratch.make(16 * MiB, { id: randomUUID(), ids: opened.order('').ids });
      const ours = async () =>
        (await loopDevices()).filter(({ backingFile }) => backingFile.startsWith(`${dir}/scratch`));

      test('is empty, is the function’s, and ends at its size, inside', async () => {
        await using disk = await make();
        const fill =
          'ls -A /tmp; stat -c %a /tmp; dd if=/dev/zero of=/tmp/x bs=64k 2>&1; rm /tmp/x; ' +
          'i=0; while true > /tmp/$i; do i=$((i+1)); done 2>/dev/null; ls /tmp | wc -l';
        const said = await inside(fill, [disk.mount], 1000, printed);
        expect(said).toMatch(/^1777\n/);
        expect(said).toContain('No space left on device');
        const files = Number(said.split('\n').at(-1));
        expect(files).toBeGreaterThan(500);
        expect(files).toBeLessThan(20_000);
      });

      test('is emptied from outside', async () => {
        await using disk = await make();
        const script = 'mkdir -p /tmp/a/b; echo x > /tmp/a/b/c; echo done; sleep 600';
        await inside(script, [disk.mount], 1000, async (container) => {
          await vi.waitFor(() => access(join(disk.mount.source, 'a', 'b', 'c')), soon);
          const processId = container.inspect().processIds.at(-1)!;
          container.pause();
          await vi.waitFor(() => expect(container.isPaused()).toBe(true), soon);
          using volume = ScratchVolume.of(processId, '/tmp')!;
          expect(volume.isEmpty).toBe(false);
          await volume.empty();
          expect(volume.isEmpty).toBe(true);
          container.resume();
        });
      });

      test('has all of its room from the start, and is gone with the sandbox', async () => {
        {
          await using disk = await make();
          expect(await ours()).toHaveLength(1);
          expect(await readdir(join(dir, 'scratch'))).toEqual([]); // its file has no name any more
          await inside('echo x > /tmp/x', [disk.mount], 1000, printed);
        }
        await vi.waitFor(async () => expect(await ours()).toEqual([]), soon);
        await expect(
          scratch.make(2 ** 50, { id: randomUUID(), ids: opened.order('').ids }),
        ).rejects.toMatchObject({ code: 'unavailable', reason: 'scratch.no_room' });
        expect(await readdir(join(dir, 'scratch'))).toEqual([]);
      });
    });
  });
});
