import { withEntry } from '../config/function-config.ts';
import type { FunctionSpec } from '../domain/function.ts';
import { bundle, bundleEntry, isBundled } from './bundle.ts';
import { folderFiles } from './folder-files.ts';
import { vendoredPackages } from './python-packages.ts';

export interface Package {
  /** The text of `hearth.json` as it is sent. */
  readonly config: string;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** What is sent to the host of a function's folder: a bundle, or the folder as it is. */
export async function packageFiles(
  dir: string,
  config: string,
  { runtime, entry }: FunctionSpec,
  environment: NodeJS.ProcessEnv,
): Promise<Package> {
  if (isBundled(runtime)) {
    return { config: withEntry(config, bundleEntry), files: await bundle(dir, entry, runtime) };
  }
  const own = await folderFiles(dir);
  return { config, files: new Map([...own, ...(await vendoredPackages(dir, own, environment))]) };
}
