import { withValue } from '../config/function-config.ts';
import type { FunctionSpec } from '../domain/function.ts';
import { bundle, bundleEntry, isBundled } from './bundle.ts';
import type { CommandContext } from './context.ts';
import { folderFiles } from './folder-files.ts';
import { imageOnHost } from './image-archive.ts';
import type { ProgressLine } from './progress-line.ts';
import { vendoredPackages } from './python-packages.ts';

export interface Package {
  /** The text of `hearth.json` as it is sent. */
  readonly config: string;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

type Sender = Pick<CommandContext, 'client' | 'environment'> & { readonly line: ProgressLine };

/**
 * What is sent to the host of a function's folder: a bundle, or the folder as it is. Of an image it
 * is the settings alone; an archive of one is sent before.
 */
export async function packageFiles(
  { client, environment, line }: Sender,
  dir: string,
  config: string,
  { runtime, entry, image }: FunctionSpec,
): Promise<Package> {
  if (runtime === 'image') {
    const there = await imageOnHost({ client, line }, dir, image?.reference ?? '');
    return { config: withValue(config, 'image', there), files: new Map() };
  }
  if (isBundled(runtime)) {
    return {
      config: withValue(config, 'entry', bundleEntry),
      files: await bundle(dir, entry, runtime),
    };
  }
  const own = await folderFiles(dir);
  return { config, files: new Map([...own, ...(await vendoredPackages(dir, own, environment))]) };
}
