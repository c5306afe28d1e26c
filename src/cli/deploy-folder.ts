import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { buildCommand, parseFunctionConfig } from '../config/function-config.ts';
import type { DeployProgress, UnreadyNode } from '../domain/deployer.ts';
import { HostError } from '../domain/errors.ts';
import type { ApiClient } from './api-client.ts';
import { runBuild } from './build-step.ts';
import type { CommandContext } from './context.ts';
import { cutAnswer, jsonLines } from './json-lines.ts';
import { packageFiles } from './package-files.ts';
import { packageTar } from './package-tar.ts';
import { BlobBars, ProgressLine } from './progress-line.ts';

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
  /** Nodes on which the first call may have to wait. */
  readonly unreadyNodes: readonly UnreadyNode[];
}

/** One line of the answer. */
interface DeployLine {
  readonly progress?: DeployProgress;
  readonly deployed?: Omit<Deployment, 'packageBytes'>;
}

/** A function as it is sent. */
export interface Packed {
  readonly name: string;
  readonly dir: string;
  readonly body: Uint8Array<ArrayBuffer>;
  /** SHA-256 of the body; the same sources give the same. */
  readonly digest: string;
}

type Sender = Pick<CommandContext, 'client' | 'environment'>;

/** Packs a folder and deploys it. @throws HostError or ApiError; nothing is deployed then. */
export async function deployFolder(
  sender: Sender,
  folder: string,
  options: { readonly isStaged?: boolean } = {},
): Promise<Deployment> {
  return sendPackage(sender.client, await packFolder(sender, folder), options);
}

/** Runs the function's build step, if it has one, and packs its folder. @throws HostError. */
export async function packFolder(sender: Sender, folder: string): Promise<Packed> {
  using line = new ProgressLine();
  const dir = resolve(folder);
  const text = await readConfig(dir);
  const spec = parseFunctionConfig(text);
  const build = buildCommand(text);
  if (build !== undefined) {
    line.show(`building ${folder}`);
    await runBuild(build, dir, sender.environment);
  }
  line.show(`packing ${folder}`);
  const parts = await packageFiles({ ...sender, line }, dir, text, spec);
  const tar = await packageTar(new Map([[configFile, Buffer.from(parts.config)], ...parts.files]));
  const body = new Uint8Array(tar);
  return { name: spec.name, dir, body, digest: createHash('sha256').update(body).digest('hex') };
}

/** @throws ApiError; nothing is deployed then. */
export async function sendPackage(
  client: ApiClient,
  { name, body }: Packed,
  { isStaged = false }: { readonly isStaged?: boolean } = {},
): Promise<Deployment> {
  using line = new ProgressLine();
  line.show(`deploying ${name}`);
  const response = await client.request(`/v1/functions?staged=${isStaged}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-tar', accept: 'application/x-ndjson' },
    body,
  });
  const blobs = new BlobBars();
  for await (const { progress, deployed } of jsonLines<DeployLine>(response)) {
    if (deployed) return { ...deployed, packageBytes: body.length };
    if (progress) line.show(describe(progress, blobs));
  }
  throw cutAnswer('deploy');
}

const describe = (progress: DeployProgress, blobs: BlobBars): string =>
  'blob' in progress
    ? blobs.with(progress.blob)
    : `ready on ${progress.nodes.settled} of ${progress.nodes.all} nodes`;

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
