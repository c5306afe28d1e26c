import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseFunctionConfig, withEntry } from '../config/function-config.ts';
import { HostError } from '../domain/errors.ts';
import type { ApiClient } from './api-client.ts';
import { bundle, bundleEntry } from './bundle.ts';
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
  readonly url: string | null;
  readonly packageBytes: number;
}

/** Bundles a folder and deploys it. @throws HostError or ApiError; nothing is deployed then. */
export async function deployFolder(client: ApiClient, folder: string): Promise<Deployment> {
  const dir = resolve(folder);
  const text = await readConfig(dir);
  const { entry } = parseFunctionConfig(text);
  const files = new Map<string, Uint8Array>([
    [configFile, Buffer.from(withEntry(text, bundleEntry))],
    ...(await bundle(dir, entry)),
  ]);
  const body = await packageTar(files);
  const deployed = await client.json<Omit<Deployment, 'packageBytes'>>('/v1/functions', {
    method: 'POST',
    headers: { 'content-type': 'application/x-tar' },
    body: new Uint8Array(body),
  });
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
