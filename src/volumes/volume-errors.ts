import { HostError } from '../domain/errors.ts';
import { missingVolume } from '../domain/volume.ts';

export const noVolume = (name: string): HostError =>
  new HostError('not_found', 'volume.not_found', missingVolume(name));

export const volumeExists = (name: string, cause?: unknown): HostError =>
  new HostError('conflict', 'volume.exists', `There is a volume "${name}" already.`, { cause });

export const noSnapshot = (name: string, snapshot: string, cause?: unknown): HostError =>
  new HostError(
    'not_found',
    'volume.no_snapshot',
    `Volume "${name}" has no snapshot "${snapshot.slice(0, 80)}".`,
    { cause },
  );

export const snapshotExists = (name: string, snapshot: string): HostError =>
  new HostError(
    'conflict',
    'volume.snapshot_exists',
    `Volume "${name}" has a snapshot "${snapshot}" already.`,
  );
