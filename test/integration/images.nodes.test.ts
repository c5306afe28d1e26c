import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ImagePull } from '../../src/domain/image-catalog.ts';
import type { PublishedRepository } from '../../src/domain/registry.ts';
import type { Digest } from '../../src/domain/ids.ts';
import { createImages, machinePrograms, type Images } from '../../src/images/index.ts';
import { RunningGateway } from '../support/running-gateway.ts';

const parts = {
  runtimeDir: fileURLToPath(new URL('../../runtime', import.meta.url)),
  programs: machinePrograms(process.arch),
};
const registries = { credentialsFile: '/nonexistent', plainHosts: [] };
const never = new AbortController().signal;

let dir: string;
let running: RunningGateway;
let gateway: Images;
let base: Digest;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hearth-nodes-'));
  const deployed = new Map<string, PublishedRepository>();
  gateway = createImages({
    ...parts,
    dir: join(dir, 'gateway'),
    deployed: () => deployed,
    registries,
  });
  await gateway.open({ exclusive: true, isGateways: true });
  base = (await gateway.baseImages.ensure('node24')).digest;
  deployed.set('hearth/versions', { tags: new Map(), digests: [base] });
  running = await RunningGateway.start(gateway.registry);
});
afterAll(async () => {
  await running[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

let count = 0;
async function newNode(): Promise<
  Images & { readonly dir: string; readonly pulls: readonly ImagePull[] }
> {
  const pulls: ImagePull[] = [];
  const folder = join(dir, `node${++count}`);
  const origin = { url: running.gateway.address, key: 'root:secret' };
  const images = createImages({
    ...parts,
    dir: folder,
    onPulled: (pull) => pulls.push(pull),
    registries: { ...registries, gateway: origin },
  });
  await images.open({ exclusive: true });
  return { ...images, dir: folder, pulls };
}

/** As if everything in the folder had been there for long. */
async function makeOld(folder: string): Promise<void> {
  const old = new Date(Date.now() - 2 * 3_600_000);
  const blobs = join(folder, 'blobs/sha256');
  for (const name of await readdir(blobs)) await utimes(join(blobs, name), old, old);
}

const blobOf = (folder: string, digest: string) => join(folder, 'blobs', digest.replace(':', '/'));

describe('images on a node with a disk of its own', () => {
  test('are pulled again where an interrupted collection has left a part', async () => {
    const { dir: folder, node, pulls } = await newNode();
    await node.prepare(base, never);
    expect(await node.has(base)).toBe(true);
    const { layers } = JSON.parse(await readFile(blobOf(folder, base), 'utf8')) as {
      readonly layers: readonly { readonly digest: string }[];
    };
    const [{ digest }] = layers as [{ readonly digest: string }];
    await rm(blobOf(folder, digest));
    await rm(join(folder, 'layers', digest.slice('sha256:'.length)), { recursive: true });
    expect(await node.has(base)).toBe(false);
    const { layerDirs } = await node.prepare(base, never);
    expect(layerDirs).toHaveLength(layers.length);
    const blobs = layers.length + 1; // with the configuration
    expect(pulls).toMatchObject([
      { digest: base, fetched: { count: blobs }, kept: { count: 0, bytes: 0 } },
      { digest: base, fetched: { count: 1 }, kept: { count: blobs - 1 } },
    ]);
  });

  test('keep the base image of stems: a node that comes back needs no gateway for it', async () => {
    const { dir: folder, node } = await newNode();
    const pulled = await node.prepareBase('node24', never);
    expect(pulled.digest).toBe(base);
    await makeOld(folder);
    expect((await node.garbage.collect({ dryRun: true })).blobs).toEqual([]);
    const alone = createImages({
      ...parts,
      dir: folder,
      registries: { ...registries, gateway: { url: 'http://127.0.0.1:9', key: 'root:secret' } },
    });
    expect((await alone.node.prepareBase('node24', never)).digest).toBe(base);
  });

  test('are collected there; in the folder of a gateway only the gateway collects', async () => {
    const { dir: folder, node, ...rest } = await newNode();
    const left = blobOf(folder, `sha256:${'ab'.repeat(32)}`);
    await writeFile(left, 'left over');
    await makeOld(folder);
    expect((await node.garbage.collect({ dryRun: true })).blobs).toHaveLength(1);
    await rest.open({ exclusive: false, isGateways: true });
    expect((await node.garbage.collect({ dryRun: false })).blobs).toEqual([]);
    expect((await rest.registry.garbage.collect({ dryRun: false })).blobs).toHaveLength(1);
  });
});
