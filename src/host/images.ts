import { fileURLToPath } from 'node:url';
import type { HostConfig } from '../config/host-config.ts';
import type { Service } from '../domain/service.ts';
import { createImages, machinePrograms, type Images } from '../images/index.ts';
import { dataPaths } from './data-paths.ts';

export function imagesOf({ dataDir, registries, url, key }: HostConfig): Images {
  return createImages({
    dir: dataPaths(dataDir).images,
    runtimeDir: fileURLToPath(new URL('../../runtime', import.meta.url)),
    programs: machinePrograms(process.arch),
    registries: { ...registries, gateway: key === undefined ? undefined : { url, key } },
  });
}

/** The folders, for a process that may be the first that uses them. */
export const imageFolders = (images: Images): Service => ({
  name: 'image folders',
  start: () => images.open({ exclusive: false }),
  stop: async () => {},
});
