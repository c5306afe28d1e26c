import type { Digest } from '../domain/ids.ts';
import type { ImageProgress } from '../domain/image-catalog.ts';

/** At most so often one line of progress for each blob. */
const everyMs = 200;

/** Tells how far blobs are, each now and then and at its end. */
export function throttledBlobs(
  tell: (progress: ImageProgress) => void,
): (progress: ImageProgress) => void {
  const toldMs = new Map<Digest, number>();
  return (progress) => {
    const nowMs = performance.now();
    const isEnd = progress.doneBytes === progress.totalBytes;
    if (!isEnd && nowMs - (toldMs.get(progress.digest) ?? 0) < everyMs) return;
    toldMs.set(progress.digest, nowMs);
    tell(progress);
  };
}
