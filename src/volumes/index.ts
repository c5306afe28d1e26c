import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { IdRangeProvider } from '../domain/container.ts';
import type { NodeId } from '../domain/ids.ts';
import type { RecordStore } from '../domain/record-store.ts';
import type { Service } from '../domain/service.ts';
import type { ScratchDisks, VolumeDriver, VolumeLender, VolumeRecord } from '../domain/volume.ts';
import { ServiceGroup } from '../lib/lifecycle.ts';
import type { RedisConnectionOptions } from '../lib/redis-connection.ts';
import { DirDriver } from './dir-driver.ts';
import { LocalDriver } from './local-driver.ts';
import { MountedVolumes } from './mounted-volumes.ts';
import { SandboxVolumeLender } from './sandbox-volumes.ts';
import { ScratchImages } from './scratch-images.ts';
import { VolumeArchive } from './volume-archive.ts';
import { VolumeKeeper } from './volume-keeper.ts';
import { VolumeLeases } from './volume-leases.ts';
import { VolumeServer } from './volume-server.ts';

export { mountPlan } from './mount-plan.ts';
export { VolumeClient } from './volume-client.ts';

export interface NodeVolumesOptions extends RedisConnectionOptions {
  readonly node: NodeId;
  readonly records: RecordStore<VolumeRecord>;
  readonly idRanges: IdRangeProvider;
  /** For the images of local volumes. */
  readonly dir: string;
  /** For scratch volumes on disk. */
  readonly scratchDir: string;
  /** The operator's, for volumes of the driver `dir`. */
  readonly operatorsDir: string | undefined;
  /** In the worker's own mount namespace. */
  readonly mountsDir: string;
  readonly socketPath: string;
  /** The function's user inside a sandbox. */
  readonly uid: number;
}

/** The volumes of one worker node. */
export interface NodeVolumes {
  readonly lender: VolumeLender;
  readonly scratchDisks: ScratchDisks;
  /** Started after the workspace, stopped after the last sandbox. */
  readonly service: Service;
}

export function createNodeVolumes(options: NodeVolumesOptions): NodeVolumes {
  const { node, records, idRanges, mountsDir, uid, logger } = options;
  const local = new LocalDriver({ dir: options.dir, mountsDir: join(mountsDir, 'local'), uid });
  const scratchDisks = new ScratchImages({
    dir: options.scratchDir,
    mountsDir: join(mountsDir, 'scratch'),
  });
  const dir = new DirDriver({ dir: options.operatorsDir, uid });
  const driverOf = ({ driver }: Pick<VolumeRecord, 'driver'>): VolumeDriver =>
    driver === 'local' ? local : dir;
  const leases = new VolumeLeases(options);
  const mounted = new MountedVolumes(driverOf);
  const views = join(mountsDir, 'views');
  const archive = new VolumeArchive({ idRanges, dir: views, uid });
  const keeper = new VolumeKeeper({ node, records, leases, mounted, archive, driverOf });
  const leftovers: Service = {
    name: 'leftovers of volumes',
    async start() {
      await local.removeLeftovers();
      await scratchDisks.removeLeftovers();
      await mkdir(views, { recursive: true, mode: 0o711 });
      for (const { name } of records.list()) await leases.releaseLeftovers(name);
    },
    async stop() {},
  };
  const server = new VolumeServer({ socketPath: options.socketPath, volumes: keeper, logger });
  return {
    scratchDisks,
    lender: new SandboxVolumeLender({ records, leases, mounted, dir: views, uid, logger }),
    service: new ServiceGroup('volumes', [leases, leftovers, server]),
  };
}
