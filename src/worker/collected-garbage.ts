import type { ImageGarbage } from '../domain/image-garbage.ts';
import type { VersionCache } from './version-cache.ts';

/** The garbage of this node's images; a version whose layers may be gone is prepared anew. */
export function collectedGarbage(
  garbage: ImageGarbage,
  versions: Pick<VersionCache, 'forget'>,
): ImageGarbage {
  return {
    async collect(options) {
      const report = await garbage.collect(options);
      if (report.layers.length > 0 && !options.dryRun) versions.forget();
      return report;
    },
    isShortOfSpace: () => garbage.isShortOfSpace(),
  };
}
