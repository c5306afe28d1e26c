import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { buildCommand, parseFunctionConfig } from '../config/function-config.ts';
import type { DeployProgress, UnreadyNode } from '../domain/deployer.ts';
import { HostError } from '../domain/errors.ts';
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

/** Packs a folder and deploys it. @throws HostError or ApiError; nothing is deployed then. */
export async function deployFolder(
  sender: Pick<CommandContext, 'client' | 'environment'>,
  folder: string,
  { isStaged = false }: { readonly isStaged?: boolean } = {},
): Promise<Deployment> {
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
  const body = await packageTar(new Map([[configFile, Buffer.from(parts.config)], ...parts.files]));
  line.show(`deploying ${folder}`);
  const response = await sender.client.request(`/v1/functions?staged=${isStaged}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-tar', accept: 'application/x-ndjson' },
    body: new Uint8Array(body),
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
