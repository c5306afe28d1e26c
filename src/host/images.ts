import { fileURLToPath } from 'node:url';
import type { HostConfig } from '../config/host-config.ts';
import type { FactPublisher } from '../domain/facts.ts';
import type { Service } from '../domain/service.ts';
import { createImages, machinePrograms, type Images, type ImagesOptions } from '../images/index.ts';
import { dataPaths } from './data-paths.ts';

/** `deployed`: as ImagesOptions has it. `facts`: to be told of pulls. */
export function imagesOf(
  { dataDir, registries, url, key }: HostConfig,
  deployed?: ImagesOptions['deployed'],
  facts?: FactPublisher,
): Images {
  return createImages({
    ...(deployed ? { deployed } : {}),
    ...(facts ? { onPulled: (pull) => facts.publish('image.pulled', pull) } : {}),
    dir: dataPaths(dataDir).images,
    runtimeDir: fileURLToPath(new URL('../../runtime', import.meta.url)),
    programs: machinePrograms(process.arch),
    baseReferences: registries.baseReferences,
    registries: { ...registries, gateway: key === undefined ? undefined : { url, key } },
  });
}

/** The folders, for a process that may be the first that uses them. */
export const imageFolders = (
  images: Images,
  { isGateways }: { readonly isGateways: boolean },
): Service => ({
  name: 'image folders',
  start: () => images.open({ exclusive: false, isGateways }),
  stop: async () => {},
});
