import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseFunctionConfig } from '../config/function-config.ts';
import { HostError } from '../domain/errors.ts';
import type { CommandContext } from './context.ts';
import { packageFiles } from './package-files.ts';
import { packageTar } from './package-tar.ts';

const configFile = 'hearth.json';

export interface Deployment {
  readonly name: string;
  readonly version: {
    readonly number: number;
    readonly digest: string;
    readonly createdAt: string;
  };
  readonly changed: boolean;
  /** It serves; false for one that was only staged. */
  readonly isLive: boolean;
  readonly url: string | null;
  readonly packageBytes: number;
}

/** Packs a folder and deploys it. @throws HostError or ApiError; nothing is deployed then. */
export async function deployFolder(
  sender: Pick<CommandContext, 'client' | 'environment'>,
  folder: string,
  { isStaged = false }: { readonly isStaged?: boolean } = {},
): Promise<Deployment> {
  const dir = resolve(folder);
  const text = await readConfig(dir);
  const { config, files } = await packageFiles(sender, dir, text, parseFunctionConfig(text));
  const body = await packageTar(new Map([[configFile, Buffer.from(config)], ...files]));
  const deployed = await sender.client.json<Omit<Deployment, 'packageBytes'>>(
    `/v1/functions?staged=${isStaged}`,
    {
      method: 'POST',
      headers: { 'content-type': 'application/x-tar' },
      body: new Uint8Array(body),
    },
  );
  return { ...deployed, packageBytes: body.length };
}

async function readConfig(dir: string): Promise<string> {
  try {
    return await readFile(join(dir, configFile), 'utf8');
  } catch (cause) {
    throw new HostError(
      'invalid',
      'cli.no_config',
      `${join(dir, configFile)} cannot be read. A function's folder has one with at least its "name" and "entry".`,
      { cause },
    );
  }
}
