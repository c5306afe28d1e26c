import { fileURLToPath } from 'node:url';
import type { HostConfig } from '../config/host-config.ts';
import { createImages, machinePrograms, type Images } from '../images/index.ts';
import { dataPaths } from './data-paths.ts';

export function imagesOf(config: HostConfig): Images {
  return createImages({
    dir: dataPaths(config.dataDir).images,
    runtimeDir: fileURLToPath(new URL('../../runtime', import.meta.url)),
    programs: machinePrograms(process.arch),
    registries: config.registries,
  });
}
