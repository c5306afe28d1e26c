import type { BaseImageBuilder } from '../domain/image.ts';
import type { ImageTransfer } from '../domain/image-catalog.ts';
import type { BuiltVersion } from '../domain/version.ts';
import type { RemoteImages } from './client/remote-images.ts';
import type { ImageOrigin } from './image-origin.ts';

export interface PublishOptions {
  readonly target: ImageOrigin;
  readonly remote: RemoteImages;
  readonly bases: Pick<BaseImageBuilder, 'find'>;
}

/** To the tags `<function>-<number>` and, for the stems of nodes, `base-<runtime>`. Idempotent. */
export async function publishVersion(
  { target, remote, bases }: PublishOptions,
  { functionName, number, digest, runtime }: BuiltVersion,
  transfer: ImageTransfer,
): Promise<void> {
  const tag = `${functionName}-${number}`;
  await remote.push(digest, { ...target.version(digest), tag }, transfer);
  if (runtime === 'image') return;
  await remote.push(await bases.find(runtime), target.base(runtime), transfer);
}
